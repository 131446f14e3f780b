"""Who changed what, by page and API: a line for each change, with what came of it and nothing personal; and
what somebody with a key that is over is told."""

import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from order_system.infra.changes import CHANGES
from order_system.infra.database import Database
from order_system.infra.web_keys import Role, new_key
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import AS_OPERATOR, AS_VIEWER, WebShop, document

NOBODY: dict[str, str] = {}


def noted(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    records = [vars(record) for record in caplog.records if record.name == CHANGES]
    return [tuple(record[name] for name in ("who", "did", "what", "outcome")) for record in records]


async def test_each_change_is_noted_once_with_whose_key_it_was(
    shop: WebShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=CHANGES)
    order = an_order()
    path, order_id = f"/api/orders/{order.order_id}", order.order_id
    async with shop.browsing(AS_OPERATOR) as ada, shop.browsing(AS_VIEWER) as ben:
        for _ in range(2):
            await ada.post("/api/orders", json=document(order))
        await ben.post(f"{path}/cancel")
        await ada.get(path)
        answer = {"note": "Ada Lovelace has called", "who": "somebody else"}
        await ada.post(f"/api/orders/NOT-{order_id}/retry", json=answer)
        await ada.post("/api/batches/none-of-that-name/pause")
        for action in ("retry", "give-up", "cancel"):
            await ada.post("/api/orders/actions", json={"action": action, "chosen": [f"NOT-{order_id}"]})
    await shop.handle(order).terminate()

    *plain, retry, pause, again, given_up, cancelled = noted(caplog)
    assert plain == [
        ("ada", "submit", order_id, "started"),
        ("ada", "submit", order_id, "already running"),
        ("ben", "POST", f"{path}/cancel", "refused: 403"),
    ]
    assert retry[:3] == ("ada", "answer", f"NOT-{order_id}"), "whose key it was, whoever they say they are"
    assert retry[3].startswith("refused: ")
    assert pause[:3] == ("ada", "pause batch", "none-of-that-name")
    for (_, did, what, outcome), wanted in zip(
        (again, given_up, cancelled), ("submit", "give-up", "cancel"), strict=True
    ):
        assert (did, what) == (wanted, f"NOT-{order_id}")
        assert outcome.startswith("refused: ")
    for personal in (*dict(order.customer).values(), *answer.values(), order.shipping_address.street):
        assert personal not in str(noted(caplog))


async def test_a_key_that_is_over_is_told_so_and_is_no_guess(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    secret, entry = new_key(Role.VIEWER, None, date(2020, 1, 31))
    shop, told = WebShop(sqlite_database, client, tmp_path, keys=entry), "this key was good until 2020-01-31"
    async with shop.browsing({"Authorization": f"Bearer {secret}"}) as late:
        for _ in range(30):  # more than wrong ones are heard
            answer = await late.get("/api/orders")
        assert answer.status_code == 401
        assert told in answer.json()["detail"]
    async with shop.browsing(NOBODY) as browser:
        page = await browser.post("/login", data={"key": secret}, headers={"Origin": "http://localhost"})
    assert page.status_code == 401
    assert told in page.text

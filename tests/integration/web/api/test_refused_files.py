"""Files that are uploaded over HTTP and are not taken, and what is never kept of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from order_system.web import policy
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.web.web import WebShop, text_of

WAIT_SECONDS = 60
CSV = {"Content-Type": "text/csv"}


NO_NAMES = ("..", "../../etc/passwd", "..%2f..%2fx", ".hidden", "a/b", "a\\b", "")
STRANGE_NAMES = ("a" * 101, "a%00b", "a\nb", "caf\u00e9")


async def test_no_name_leads_anywhere(shop: WebShop, operator: AsyncClient) -> None:
    file = text_of([row("N-1")])
    for name in (*NO_NAMES, *STRANGE_NAMES):
        refused = await operator.post("/api/batches", params={"name": name}, content=file, headers=CSV)
        assert (refused.status_code, name) == (422, name)
        assert [each["field"] for each in refused.json()["errors"]] == ["name"]
    assert shop.uploaded() == []


async def test_no_batch_is_named_by_a_card_number(shop: WebShop, operator: AsyncClient) -> None:
    refused = await operator.post(
        "/api/batches?name=4111-1111-1111-1111", content=text_of([row("CN-1")]), headers=CSV
    )

    assert refused.status_code == 422
    assert "card number" in refused.json()["detail"]
    assert "1111" not in refused.text
    assert shop.uploaded() == []


async def test_a_file_that_is_none_of_orders_is_refused_and_not_kept(
    shop: WebShop, operator: AsyncClient
) -> None:
    for content, told in (
        (b"", "is empty"),
        (b"order_id,sku\r\n1,2\r\n", "column"),
        (b"\xff\xfe\x00\x01", "UTF-8"),
        (b"PK\x03\x04 not a table at all \x00\x00", ""),
    ):
        refused = await operator.post("/api/batches?name=bad", content=content, headers=CSV)
        assert (refused.status_code, content) == (422, content)
        assert told in refused.json()["detail"]
        assert str(shop.settings.data_dir) not in refused.text
        assert refused.json()["detail"].startswith("bad: ")
        assert shop.uploaded() == []


async def test_parameters_that_cannot_be_meant(shop: WebShop, operator: AsyncClient) -> None:
    for query, field in (
        ("name=x&window=0", "window"),
        ("name=x&window=1001", "window"),
        ("name=x&dry_run=perhaps", "dry_run"),
        ("", "name"),
        ("name=x&map=nonsense", ""),
        ("name=x&profile=nonsense", ""),
        ("name=x&encoding=klingon", ""),
        ("name=x&encoding=utf-8%00", ""),
    ):
        refused = await operator.post(f"/api/batches?{query}", content=text_of([row("P-1")]), headers=CSV)
        assert (refused.status_code, query) == (422, query)
        assert [each["field"] for each in refused.json()["errors"]] == [field]
        assert shop.uploaded() == []


async def test_another_type_of_file_is_refused(shop: WebShop, operator: AsyncClient) -> None:
    refused = await operator.post(
        "/api/batches?name=x", content=b"%PDF", headers={"Content-Type": "application/pdf"}
    )

    assert refused.status_code == 415
    assert shop.uploaded() == []


async def test_a_file_without_end_is_refused_on_its_way(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "UPLOAD_BYTES", 3_000_000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100_000
            yield b"x" * 100_000

    refused = await operator.post("/api/batches?name=endless", content=endless(), headers=CSV)

    assert refused.status_code == 413
    assert sent < 4_000_000
    assert shop.uploaded() == []


async def test_uploads_at_once_do_not_mix(shop: WebShop, operator: AsyncClient) -> None:
    files = {f"at-once-{n}": text_of([row(f"AO-{n}-{m}") for m in range(20)]) for n in range(8)}
    plans = await asyncio.gather(
        *(
            operator.post(f"/api/batches?name={name}&dry_run=true", content=file, headers=CSV)
            for name, file in files.items()
        )
    )

    assert [plan.json()["orders"] for plan in plans] == [20] * 8
    assert shop.uploaded() == []

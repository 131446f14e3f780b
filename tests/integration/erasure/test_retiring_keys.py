"""A key is destroyed only when nothing that is open needs it."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from order_system.domain import policy
from order_system.domain.messages import OrderStatus
from order_system.domain.reconciliation import ReconciliationRequest
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.infra.sealing.ring import KeyFile
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import needing_key
from order_system.reconciliation.client import Reconciler
from tests.fixtures.processes.command_line import starter
from tests.fixtures.shops.abandoned import named, terminated_at
from tests.fixtures.shops.activity_calls import run_activity
from tests.fixtures.shops.sealed import with_a_file
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import the_concern
from tests.fixtures.steering.waiting import eventually

WAIT_SECONDS = 60
DAY = timedelta(days=1)


async def test_what_is_open_and_sealed_by_it_is_named(
    dev_server: EmbeddedServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporal, keys = await with_a_file(monkeypatch, tmp_path / "keys", dev_server.address)
    shop, order, later = Shop(sqlite_database, temporal), an_order(), an_order()
    forgetting = Reconciler(
        temporal, book_id=shop.book_id, task_queue=shop.task_queue, forget_after=400 * DAY
    )
    held = shop.stage.hold("before reserve")
    async with shop.open():
        await shop.client.submit(order)
        await held.reached()
        await forgetting.ensure(DAY)
        keys.add("2026-11")
        await shop.client.submit(later)

        async def named() -> bool:
            found = await needing_key(temporal, "2026-10")
            return f"workflow order-{order.order_id}" in found and f"schedule {forgetting.id}" in found

        await eventually(named, WAIT_SECONDS, "the server to list them")
        found = await needing_key(temporal, "2026-10")
        assert f"workflow order-{later.order_id}" not in found
        held.let_go()
        await shop.handle(order).result()
        await shop.handle(later).result()
        await forgetting.ensure(DAY)  # as a worker does when it starts
        left = await needing_key(temporal, "2026-10")
        await forgetting.ensure(timedelta(0))
        keys.remove("2026-10")
        in_full = await shop.client.in_full(await shop.client.status(order.order_id))
    assert (in_full.status, in_full.contents) == (OrderStatus.FULFILLED, None)
    assert not {each for each in left if order.order_id in each or each.startswith("schedule")}


async def test_each_day_what_is_old_is_forgotten(shop: Shop) -> None:
    order = an_order()
    async with shop.open(activities=[*shop.activities(), shop.forgetting(Path("none")).forget_old]):
        await (await shop.start(order)).result()
        young = await shop.reconcile(forget_after=DAY)
        never = await shop.reconcile(forget_after=9_999_999 * DAY)
        forget_old, at_once = shop.forgetting(Path("none")).forget_old, timedelta(0)
        ahead = await run_activity(forget_old, ReconciliationRequest(forget_after=at_once), after=-2 * DAY)
        old = await shop.reconcile(forget_after=timedelta(0))

    for each in (young, never, ahead):  # the last by a worker whose clock is two days ahead of the server's
        assert (each.settled.count, each.left_alone.count) == (0, 0)
    assert [each.detail for each in old.settled.orders] == ["forgotten"]
    assert (await shop.client.status(order.order_id)).status is OrderStatus.FULFILLED


def test_of_keys_that_cannot_be_spared_none_is_destroyed(tmp_path: Path) -> None:
    environment = {"ORDER_KEYS": str(tmp_path / "keys")}
    for key_id in ("2025-01", "2025-02"):
        starter("keys", "new", key_id, env=environment)

    soon = time.time() + 3600  # so that it is still new, however long a command takes
    os.utime(tmp_path / "keys", (soon, soon))
    unknown = starter("keys", "retire", "2024-01", env=environment)
    sealing = starter("keys", "retire", "2025-02", env=environment)
    too_soon = starter("keys", "retire", "2025-01", env=environment)

    assert (unknown.code, "there is no key 2024-01" in unknown.err) == (2, True)
    assert (sealing.code, "key 2025-02 seals now" in sealing.err) == (2, True)
    assert (too_soon.code, "wait 30 seconds" in too_soon.err) == (2, True)
    assert len((tmp_path / "keys").read_text().splitlines()) == 2


def test_a_key_is_not_destroyed_right_after_one_that_was_handed_out_before_has_begun(tmp_path: Path) -> None:
    environment, an_hour_ago = {"ORDER_KEYS": str(tmp_path / "keys")}, time.time() - 3600
    for key_id in ("2025-01", f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"):
        KeyFile(tmp_path / "keys").add(key_id)
    os.utime(tmp_path / "keys", (an_hour_ago, an_hour_ago))

    too_soon = starter("keys", "retire", "2025-01", env=environment)

    assert (too_soon.code, "wait 30 seconds" in too_soon.err) == (2, True)


async def test_an_order_whose_key_is_destroyed_keeps_no_other_from_being_told_or_seen(
    dev_server: EmbeddedServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", policy.ONCE)
    monkeypatch.setattr(infra_policy, "BOOKS_DIFFER_AFTER", -DAY)
    temporal, keys = await with_a_file(monkeypatch, tmp_path / "keys", dev_server.address)
    shop, unreadable, in_cash = Shop(sqlite_database, temporal), an_order(), an_order(payment_method="paid:1")
    async with shop.open():
        for order in (unreadable, in_cash):
            await terminated_at(shop, "after reserve", order)
            shop.stage.forget_holds()
        shop.stage.unreachable("send", times=1)
        await shop.reconcile()
        held = an_order(payment_method="pm_card_declined", hold_on_failure=DAY)
        await shop.client.submit(held)
        await the_concern(shop, held)
        keys.add("2026-11")
        keys.remove("2026-10")
        later = an_order()
        await terminated_at(shop, "after reserve", later)
        report = await shop.reconcile()
        listed = [each.order_id async for each in shop.attention.attention(slow_after=-DAY)]

    assert named(report, "notices_sent") == [later.order_id]
    assert named(report, "notices_owed") == [unreadable.order_id]
    [by_hand] = report.not_yet.orders
    assert "give back 1,059.97 USD by hand, paid as 1; whose it was" in by_hand.detail
    assert {unreadable.order_id, in_cash.order_id, held.order_id} <= set(listed)


async def test_the_orders_of_a_book_with_keys_of_its_own_hide_nothing_of_ours(
    dev_server: EmbeddedServer, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both books are in one namespace, and neither can read what the other has sealed."""
    await sqlite_database.prepare()
    shops = list[Shop]()
    for name in ("ours", "theirs"):
        temporal, _ = await with_a_file(monkeypatch, tmp_path / name, dev_server.address, name)
        shops.append(Shop(sqlite_database, temporal))
    ours, theirs = shops
    held, order = theirs.stage.hold("before reserve"), an_order()
    unpaid = an_order(payment_method="pm_card_declined", hold_on_failure=DAY)
    async with ours.open(), theirs.open():
        await theirs.client.submit(order)
        await held.reached()
        await ours.client.submit(unpaid)
        await the_concern(ours, unpaid)

        async def is_listed() -> bool:
            return any([f"-{order.order_id}" in each.id async for each in ours.temporal.list_workflows()])

        await eventually(is_listed, WAIT_SECONDS, "the server to list the other book's order")
        await the_concern(ours, unpaid)
        held.let_go()
        await theirs.ended(theirs.handle(order))

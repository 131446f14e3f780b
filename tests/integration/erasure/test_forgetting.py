"""What is forgotten, what is refused, and what stays."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from order_system.book import tables
from order_system.book.listing import SqlOrderListing
from order_system.book.order_book import SqlOrderBook
from order_system.domain.answers import Answer, AnsweredAs
from order_system.domain.book import Server
from order_system.domain.errors import DatabaseUnreachable, ForgettingRefused, ShippingRefused, UnknownBatch
from order_system.domain.listing import OrderFilter
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.infra import policy
from order_system.infra.database import Database
from order_system.infra.temporal import visibility
from order_system.infra.temporal.executions import describe
from order_system.orders import forgetting
from order_system.orders.client import Submitted
from order_system.orders.forgetting import Forgetting
from tests.fixtures.books.canaries import found_in, marked_order
from tests.fixtures.databases.filled_book import BEGAN
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.refunds import give_back
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually

pytestmark = pytest.mark.usefixtures("calls_may_be_held")

WAIT_SECONDS = 60
ADA = {"who": "ada", "note": "ticket 123"}


async def told(shop: Shop, *orders: Order, folder: Path = Path("none")) -> list[str]:
    """What came of forgetting each."""
    return await _all_of(shop.forgetting(folder), *orders)


async def _all_of(forgets: Forgetting, *orders: Order) -> list[str]:
    return [each.detail async for each in forgets.all_of([order.order_id for order in orders], **ADA)]


async def workflows_about(shop: Shop, order: Order) -> set[str]:
    listed = shop.temporal.list_workflows(f"OrderId = {visibility.quoted(order.order_id)}")
    return {run.id async for run in listed}


async def noted(shop: Shop, order: Order) -> list[tuple[str, str, AnsweredAs]]:
    details = await shop.client.in_full(await shop.client.status(order.order_id))
    return [(each.who, each.note, each.answer) for each in details.answered]


async def test_a_fulfilled_order_is_forgotten_and_still_known(shop: Shop, sqlite_database: Database) -> None:
    order, words = marked_order(an_order().order_id)
    async with shop.open():
        held = shop.stage.hold("before reserve")
        await shop.client.submit(order)
        await held.reached()
        [refused] = await told(shop, order)
        held.let_go()
        await shop.handle(order).result()
        await give_back(shop, order, amount="1.00", note=f"for {words[0]}", refund_id="ticket")
        await eventually(lambda: _lists(shop, order, 6), WAIT_SECONDS, "the server to list them")

        assert await told(shop, order, order) == ["forgotten", "forgotten"]
        again = await shop.client.submit(order)

    assert refused == f"{order.order_id} is not forgotten: order-{order.order_id} is open"
    assert again.how is Submitted.FULFILLED
    assert await describe(shop.temporal, f"order-{order.order_id}") is None
    assert await describe(shop.temporal, f"refund-{order.order_id}-ticket") is None
    assert await noted(shop, order) == [("ada", "ticket 123", AnsweredAs.FORGOTTEN)]
    by_email = OrderFilter(text=order.customer.email)
    assert (await SqlOrderListing(sqlite_database).orders(by_email)).rows == ()
    await shop.assert_clean()
    assert found_in([Path(sqlite_database.url.database or "").read_bytes()], words) == set()


async def _lists(shop: Shop, order: Order, number: int) -> bool:
    """The order, its four steps and its refund."""
    return len(await workflows_about(shop, order)) == number


async def test_cut_off_it_is_finished_and_a_new_submission_is_not_hurt(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("not to Ada"))
    forgets, days = shop.forgetting(Path("none")), list[str]()

    async def submitted_again(order_id: str) -> None:
        """Right in between, once its workflows are gone."""
        days.append(order_id)
        if len(days) == 1:
            raise ConnectionError("the power is off")
        if len(days) == 2:
            await shop.ended(await shop.start(order))

    forgets._elsewhere = submitted_again
    async with shop.open():
        await shop.ended(await shop.start(order))
        with pytest.raises(ConnectionError):
            await anext(forgets.all_of([order.order_id], **ADA))
        assert await noted(shop, order) == [("ada", "ticket 123", AnsweredAs.FORGETTING)]
        came = [each async for each in forgets.all_of([order.order_id], who="bob", note="at last")]
        now = await shop.client.status(order.order_id)

    assert [each.accepted for each in came] == [True]
    assert (now.status, now.failed_step, now.run_id is not None) == (OrderStatus.FAILED, "shipping", True)
    assert now.reason is not None
    assert {step.status for step in now.children if step.run_id} >= {"completed"}
    query = sa.select(tables.submissions.c.reason).filter_by(order_id=order.order_id)
    ordered = query.order_by(tables.submissions.c.opened_at)
    reasons = await shop.book.database.read(lambda tx: tx.execute(ordered).scalars().all())
    assert [reason is None for reason in reasons] == [True, False]
    words = sa.select(tables.attempts.c.said).filter_by(order_id=order.order_id, activity="dispatch")
    attempts = await shop.book.database.read(lambda tx: tx.execute(words).scalars().all())
    assert sorted(attempts) == ["ShippingRefused: not to [redacted]", "forgotten"]  # none as if it succeeded


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"status": "open", "closed_at": None}, "it is open"),
        ({"notice": "owed"}, "was not told yet"),
        ({"namespace_id": "another"}, "another Temporal server"),
        ({"effect": "in doubt"}, "in doubt"),
        ({"refund": "under way"}, "a refund of it is under way"),
    ],
)
async def test_who_is_not_over_and_done_with_is_refused(
    database: Database, changed: dict[str, str], why: str
) -> None:

    book, here, asked = SqlOrderBook(database), Server("default", "ours"), Answer(who="ada", note="because")
    key = {"order_id": "ORDER-1", "submission": "one"}
    closed = {**key, "fingerprint": "f", "namespace": "default", "namespace_id": "ours", "status": "failed"}
    closed |= {"opened_at": BEGAN, "closed_at": BEGAN, "reason": "not to Ada"}
    row = {name: value for name, value in {**closed, **changed}.items() if name not in ("effect", "refund")}

    def fill(tx: sa.Connection) -> None:
        tx.execute(sa.insert(tables.submissions).values(**row))
        state = {"effect": "charge", "state": changed.get("effect", "undone")}
        tx.execute(sa.insert(tables.effects).values(**key, **state))
        if "refund" in changed:
            gone = {"order_id": "ORDER-1", "refund_id": "r", "state": changed["refund"], "content": {}}
            tx.execute(sa.insert(tables.refunds).values(**gone))

    await database.write(fill)
    known = (await book.find(["ORDER-1"]))["ORDER-1"]
    with pytest.raises(ForgettingRefused, match=why):
        await book.begin_forgetting("ORDER-1", known, here, asked)
    _, answered = await book.history(known.ref)
    assert answered == []


async def test_old_ones_are_found_until_they_are_forgotten(database: Database) -> None:

    book, day = SqlOrderBook(database), timedelta(days=1)
    rows = [("OLD", "one", 0), ("OLD", "two", 1), ("AGAIN", "one", 0), ("AGAIN", "two", 9), ("NEW", "one", 9)]

    def fill(tx: sa.Connection) -> None:
        for order_id, submission, days in rows:
            at = {"opened_at": BEGAN + days * day, "closed_at": BEGAN + days * day}
            row = {"order_id": order_id, "submission": submission, "fingerprint": "f", "namespace": "default"}
            tx.execute(sa.insert(tables.submissions).values(**row, status="failed", **at))

    await database.write(fill)
    before = BEGAN + 5 * day
    assert await book.to_forget(before=before) == ["OLD"]
    known = (await book.find(["OLD"]))["OLD"]
    asked = Answer(who="ada", note="because")
    these = await book.begin_forgetting("OLD", known, Server("default"), asked)
    assert await book.to_forget(before=before) == ["OLD"]
    await book.end_forgetting("OLD", these)
    assert await book.to_forget(before=before) == ["OLD"]
    await book.note_forgotten({"OLD": these})
    assert await book.to_forget(before=before) == []
    with pytest.raises(UnknownBatch, match="no batch mistyped"):
        await book.to_forget(batch="mistyped")
    await database.compact()


async def test_a_batch_goes_with_its_file_and_its_other_orders_stay(
    client: Client, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Client.list_workflows

    def late(self: Client, query: str, **options: Any) -> Any:
        """A list that still tells of what has ended as running."""
        return listed(self, query.replace(" AND ExecutionStatus = 'Running'", ""), **options)

    monkeypatch.setattr(Client, "list_workflows", late)
    shop = BatchShop(sqlite_database, client, tmp_path)
    first, slow = an_order(), an_order()
    name = f"forget-{first.order_id.lower()}"
    uploads = tmp_path / "uploads" / "sha"
    uploads.mkdir(parents=True)
    file = write_orders(uploads / f"{name}.csv", [row(first.order_id), row(slow.order_id)])
    held = shop.stage.hold("before dispatch")
    async with shop.open():
        await shop.batches.start(await shop.request(name, file))
        await held.reached()
        [refused] = await told(shop, first, folder=tmp_path / "uploads")
        held.let_go()
        await shop.followed(name)
        # As a list does that is late.
        monkeypatch.setattr(forgetting.visibility, "RUNNING", "ExecutionStatus IN ('Running', 'Completed')")
        assert await told(shop, first, folder=tmp_path / "uploads") == ["forgotten"]
        by_batch = await shop.book.to_forget(batch=name)

    assert "is open" in refused
    assert await describe(shop.temporal, f"batch-{name}") is None
    assert await describe(shop.temporal, f"order-{first.order_id}") is None
    assert await describe(shop.temporal, f"order-{slow.order_id}") is not None
    assert (file.exists(), uploads.exists()) == (False, False)
    assert sorted(by_batch) == sorted([first.order_id, slow.order_id])


async def test_a_batch_that_has_just_begun_again_keeps_its_file(
    client: Client, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, done, new = BatchShop(sqlite_database, client, tmp_path), an_order(), an_order()
    name = f"begun-{done.order_id.lower()}"
    file = write_orders(tmp_path / f"{name}.csv", [row(done.order_id)])
    async with shop.open():
        await shop.run(await shop.request(name, file))
        write_orders(file, [row(done.order_id), row(new.order_id)])
        held = shop.stage.hold("before dispatch")
        await shop.batches.start(await shop.request(name, file))
        await held.reached()
        # As lists are that do not show it yet.
        monkeypatch.setattr(visibility, "with_ids", lambda _ids: "WorkflowId = 'none'")
        monkeypatch.setattr(forgetting.visibility, "RUNNING", "WorkflowId = 'none'")
        [refused] = await told(shop, done, folder=tmp_path)
        held.let_go()
        monkeypatch.undo()
        await shop.followed(name)
    assert refused == f"{done.order_id} is not forgotten: batch-{name} is open"
    assert file.exists()


async def test_once_compacted_the_file_has_no_byte_of_what_was_deleted(sqlite_database: Database) -> None:
    file, word = Path(sqlite_database.url.database or ""), "left in a free page"

    def fill(tx: sa.Connection) -> None:
        tx.exec_driver_sql("PRAGMA secure_delete = OFF")
        tx.exec_driver_sql("CREATE TABLE scrap (said TEXT)")
        tx.exec_driver_sql("INSERT INTO scrap VALUES (?)", [(word * 500,) for _ in range(20)])

    def on_disk() -> bool:
        return any(word.encode() in each.read_bytes() for each in file.parent.glob(f"{file.name}*"))

    await sqlite_database.write(fill)
    await sqlite_database.write(lambda tx: tx.exec_driver_sql("DELETE FROM scrap") and None)
    assert on_disk()
    await sqlite_database.compact()
    assert not on_disk()


@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "BEGIN"], ids=["writes", "reads"])
async def test_it_is_said_when_somebody_keeps_the_file_from_being_compacted(
    sqlite_url: str, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DATABASE_BUSY", timedelta(milliseconds=100))
    database = Database(sqlite_url)
    await database.prepare()
    other = sqlite3.connect(database.url.database or "", isolation_level=None)
    with closing(other):
        other.execute(statement)
        other.execute("SELECT * FROM sqlite_master").fetchall()
        with pytest.raises(DatabaseUnreachable):
            await database.compact()
    await database.compact()
    await database.dispose()


async def test_an_order_is_not_forgotten_before_the_file_is_compacted(shop: Shop) -> None:
    order, forgets = an_order(), shop.forgetting(Path("none"))

    async def disk_is_full() -> None:
        raise DatabaseUnreachable("the disk is full")

    compact, forgets._compact = forgets._compact, disk_is_full
    async with shop.open():
        await (await shop.start(order)).result()
        soon = datetime.now(UTC) + timedelta(days=1)
        with pytest.raises(DatabaseUnreachable):
            await _all_of(forgets, order)
        assert order.order_id in await shop.book.to_forget(before=soon)
        forgets._compact = compact
        assert await _all_of(forgets, order) == ["forgotten"]
    assert order.order_id not in await shop.book.to_forget(before=soon)

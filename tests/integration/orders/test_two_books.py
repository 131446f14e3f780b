"""Two order books on one server: each worker does the work of its own book, whatever queue it was given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.attention.concerns import Concern, ConcernKind
from order_system.audit.report import audit
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.domain.batch import BatchRequest
from order_system.domain.ids import BOOK, batch_workflow_id, order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.infra import policy
from order_system.infra.settings import load_settings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.shops.batch_shop import row, write_orders
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually

SECONDS = 180
ORDERS = 2


class Books:
    """Each in a folder of its own, as if started from two places."""

    def __init__(self, folder: Path, opened: AsyncExitStack) -> None:
        self.folder = folder
        self._opened = opened

    async def open(self, name: str, task_queue: str | None = None) -> OrderSystem:
        settings = load_settings(
            data_dir=self.folder / name,
            file_roots=str(self.folder),
            task_queue=task_queue,
            faults="none",
            latency_min=0,
            latency_max=0,
        )
        return await self._opened.enter_async_context(open_order_system(settings))


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    async with AsyncExitStack() as opened:
        yield Books(tmp_path, opened)


async def concerns(system: OrderSystem, temporal: Client) -> list[Concern]:
    found = [each async for each in system.attention_client(temporal).attention()]
    return [each for each in found if each.kind is ConcernKind.OTHER_BOOK]


async def ended(system: OrderSystem, temporal: Client, *order_ids: str) -> set[OrderStatus]:
    async with asyncio.timeout(SECONDS):
        async for documents in system.client(temporal).watch(order_ids):
            last = documents
    return {document.status for document in last.values()}


async def assert_whole(system: OrderSystem) -> None:
    assert audit(await system.book.ledger(), await system.world.statement()).clean


async def test_by_default_no_worker_gets_another_books_work(client: Client, books: Books) -> None:
    ours, others = await books.open("ours"), await books.open("others")
    assert ours.task_queue == f"order-fulfillment-{ours.database.book[:8]}"
    assert ours.task_queue != others.task_queue
    placed = [an_order() for _ in range(ORDERS)]
    async with ours.worker(client), others.worker(client):
        await asyncio.gather(*map(ours.client(client).submit, placed))
        assert await ended(ours, client, *(order.order_id for order in placed)) == {OrderStatus.FULFILLED}
    assert (await others.book.ledger()).entries == ()
    await assert_whole(ours)


@pytest.mark.long
async def test_on_one_queue_another_books_worker_claims_nothing_and_is_named(
    client: Client,
    dev_server: EmbeddedServer,
    books: Books,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policy, "BOOKS_DIFFER_AFTER", timedelta(0))
    queue = f"by-hand-{tmp_path.name}"
    ours, others = await books.open("ours", queue), await books.open("others", queue)
    both = {ours.database.book, others.database.book}
    order = an_order()
    async with others.worker(client):
        await ours.client(client).submit(order)

        found: list[Concern] = []

        async def listed(by: OrderSystem) -> bool:
            """By ours the other worker comes first, which is told, too."""
            found[:] = await concerns(by, client)
            ids = [each.order_id for each in found]
            return ids == ([None, order.order_id] if by is ours else [order.order_id])

        for seen_from in (others, ours):
            await eventually(partial(listed, seen_from), SECONDS, "the order that waits to be listed")
            waiting = found[-1]
            assert all(book in waiting.reason for book in both)
            assert waiting.cure is not None
            assert "ORDER_DATA_DIR" in waiting.cure
        assert all(book[:8] in found[0].reason for book in both)
    assert (await others.book.ledger()).entries == (), "nothing was claimed"
    assert (await others.world.statement()).charges == ()
    more = [an_order() for _ in range(ORDERS)]
    another = await connect(dev_server.address)  # as from another process
    async with ours.worker(client), others.worker(another):
        await asyncio.gather(*map(ours.client(client).submit, more))
        ids = [each.order_id for each in (order, *more)]
        assert await ended(ours, client, *ids) == {OrderStatus.FULFILLED}
    assert (await others.book.ledger()).entries == ()
    await assert_whole(ours)


async def test_an_order_on_a_queue_that_nobody_serves_is_listed_from_another_queue(
    client: Client, books: Books, tmp_path: Path
) -> None:
    by_default, others = await books.open("ours"), await books.open("others")
    order, not_ours = an_order(), an_order()
    await by_default.client(client).submit(order)
    await others.client(client).submit(not_ours)
    by_hand = await books.open("ours", f"by-hand-{tmp_path.name}")
    found: list[Concern] = []

    async def told() -> bool:
        attention = by_hand.attention_client(client).attention()
        found[:] = [each async for each in attention if each.kind is ConcernKind.NO_WORKER]
        return bool(found)

    async with by_hand.worker(client):
        await eventually(told, SECONDS, "the order on the default queue to be told")
    assert [each.order_id for each in found] == [order.order_id]
    assert by_default.task_queue in found[0].reason
    assert by_default.task_queue in (found[0].cure or "")
    async with by_default.worker(client), others.worker(client):
        assert await ended(by_default, client, order.order_id) == {OrderStatus.FULFILLED}
        assert await ended(others, client, not_ours.order_id) == {OrderStatus.FULFILLED}


async def test_two_books_workers_on_one_queue_are_told_before_any_order_is_under_way(
    client: Client, books: Books, tmp_path: Path
) -> None:
    queue = f"by-hand-{tmp_path.name}"
    ours, others = await books.open("ours", queue), await books.open("others", queue)
    async with others.worker(client):

        async def told() -> bool:
            return any(others.database.book[:8] in each.reason for each in await concerns(ours, client))

        await eventually(told, SECONDS, "the other book's worker to be told")


@pytest.mark.long
async def test_a_batch_hands_its_book_on_to_its_orders(client: Client, books: Books, tmp_path: Path) -> None:
    queue, name = f"batch-by-hand-{tmp_path.name}", f"books-{tmp_path.name}"
    ours, others = await books.open("ours", queue), await books.open("others", queue)
    ids = [f"{name}-{number}" for number in range(2)]
    file = write_orders(tmp_path / "orders.csv", map(row, ids))
    request = BatchRequest(name=name, file=await ours.files.inspect(str(file)))
    batch = client.get_workflow_handle(batch_workflow_id(name))
    async with others.worker(client):
        await ours.batch_client(client).start(request)

        async def refused() -> bool:
            pending = (await batch.describe()).raw_description.pending_activities
            return any(each.last_failure.application_failure_info.type == "WrongBook" for each in pending)

        await eventually(refused, SECONDS, "the other worker to refuse the batch")
    async with ours.worker(client):
        await asyncio.wait_for(batch.result(), SECONDS)
    assert await others.book.batch_run(batch_workflow_id(name)) is None
    for order_id in ids:
        described = await client.get_workflow_handle(order_workflow_id(order_id)).describe()
        assert await described.memo_value(BOOK) == ours.database.book
    assert await ended(ours, client, *ids) == {OrderStatus.FULFILLED}


async def test_another_books_worker_does_not_reconcile_ours(
    client: Client, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its book knows nothing of what we left open, and would find that all is well."""
    monkeypatch.setattr(policy, "WRONG_BOOK_AGAIN", timedelta(seconds=2))
    ours = await books.open("ours", "one-queue-for-two-reconcilers")
    others = await books.open("others", "one-queue-for-two-reconcilers")
    reconciler = ours.reconciler(client)
    async with others.worker(client):
        started = await reconciler.start()

        async def is_refused() -> bool:
            pending = (await started.describe()).raw_description.pending_activities
            return any(ours.book.book_id in each.last_failure.message for each in pending)

        await eventually(is_refused, SECONDS, "a refusal")
    async with ours.worker(client):
        assert (await reconciler.report(started)).submissions_looked_at == 0

"""The orders of a batch are found, with a worker and without one."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from order_system.batches.client import BatchClient
from order_system.domain.batch import BatchStatus, Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import OutOfStock, ShippingRefused, UnknownBatch
from order_system.domain.ids import order_workflow_id
from order_system.domain.order import Order
from order_system.infra import policy
from order_system.infra.database import Database
from order_system.orders.client import OrderClient
from order_system.orders.relatives import Parent, StartedBy
from tests.fixtures.databases.filled_book import fill_batch
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up, row, write_orders
from tests.fixtures.shops.children import DECLINED, SECONDS, children, eventually_has, order_ids
from tests.fixtures.shops.shop import an_order
from tests.fixtures.shops.stage import Staged
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> BatchShop:
    return BatchShop(sqlite_database, client, tmp_path)


async def test_the_children_of_a_batch_are_the_orders_of_its_file(
    shop: BatchShop, tmp_path: Path, forgetful: Client
) -> None:
    name = f"found-{shop.task_queue}"
    batch_id = f"batch-{name}"
    ids = [f"{name}-{number:02d}" for number in range(5)]
    mine = an_order(f"{name}-mine")
    rows = [row(order_id, card=DECLINED if order_id == ids[3] else "pm_card_ok") for order_id in ids]
    file = write_orders(tmp_path / "orders.csv", [*rows, row(mine.order_id, quantity="2")])
    # Small pages and a short history: the batch continues as new on its way.
    request = await shop.request(name, file, page_bytes=300, continue_after_events=40)
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.ended(await shop.start(mine))
        first = await shop.run(request)
        assert (first.counts.fulfilled, first.counts.failed, first.counts.conflicting) == (4, 1, 1)
        await eventually_has(shop, batch_id, 4, "fulfilled")
        await eventually_has(shop, batch_id, 1, "failed")
        found = await children(shop, batch_id)
        assert ids == order_ids(found), "the conflict is somebody else's"
        assert {child.started_by for child in found} == {StartedBy.THIS_START}
        described = await shop.temporal.get_workflow_handle(batch_id).describe()
        assert described.raw_description.workflow_execution_info.first_run_id != described.run_id
        assert [ids[3]] == order_ids(await children(shop, batch_id, "failed"))
        by = await shop.client.parent(ids[0])
        assert by is not None
        assert by.workflow_id == batch_id

        # Run again: what is skipped is still the batch's.
        await shop.run(request)
        await eventually_has(shop, batch_id, 1, "failed")
        again = {child.workflow_id: child.started_by for child in await children(shop, batch_id)}
        skipped = dict.fromkeys(map(order_workflow_id, ids), StartedBy.ELSEWHERE)
        assert again == skipped | {order_workflow_id(ids[3]): StartedBy.THIS_START}

        # Another batch of the same orders has them too, without having started one.
        other = await shop.run(await shop.request(f"{name}-other", file))
        assert (other.counts.skipped, other.counts.failed) == (4, 1)
        await eventually_has(shop, f"{batch_id}-other", 4, "fulfilled")
        theirs = await children(shop, f"{batch_id}-other", "fulfilled")
        assert {child.started_by for child in theirs} == {StartedBy.ELSEWHERE}

    # Without a worker the end is still known: it is the batch's result.
    assert (await shop.batches.progress(name)).counts.skipped == 4

    later = OrderClient(forgetful, shop.book, task_queue=shop.task_queue)
    remembered = await children(later, batch_id)
    assert ids == order_ids(remembered)
    assert all(child.run_id for child in remembered)
    [failed] = await children(later, batch_id, "failed")
    assert failed.workflow_id == order_workflow_id(ids[3])
    assert await later.parent(ids[0]) == Parent(batch_id, None)

    batches = BatchClient(forgetful, shop.batch_book, shop.files, task_queue=shop.task_queue)
    progress = await batches.progress(name)
    assert (progress.status, progress.counts.fulfilled, progress.counts.failed) == (
        BatchStatus.FORGOTTEN,
        4,
        1,
    )
    assert_adds_up(progress)
    assert "forgotten" in str(progress.reason)
    with pytest.raises(UnknownBatch):
        await batches.progress("nobody")


async def test_an_order_that_timed_out_is_told_apart_from_one_that_was_terminated(
    shop: BatchShop, tmp_path: Path, sqlite_database: Database
) -> None:
    """As one may that somebody has started by hand."""
    name = f"late-{shop.task_queue}"
    held = timedelta(hours=1)
    late, lost = (an_order(f"{name}-{number}", hold_on_failure=held) for number in (1, 2))
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    await fill_batch(sqlite_database, name, [(late.order_id, Fate.START), (lost.order_id, Fate.START)])
    async with shop.open(), asyncio.timeout(SECONDS):
        await opened(shop, lost, None)
        for limit in (4, 16, SECONDS):  # a busy machine may need longer until it is in the book
            if await opened(shop, late, timedelta(seconds=limit)):
                break
        await shop.handle(lost).terminate()
        await shop.ended(shop.handle(late))
        for _ in ("open in the book", "and settled"):
            await eventually_has(shop, f"batch-{name}", 1, "timed_out")
            await eventually_has(shop, f"batch-{name}", 1, "terminated")
            [timed_out] = await children(shop, f"batch-{name}", "timed_out")
            [terminated] = await children(shop, f"batch-{name}", "terminated")
            assert order_ids([timed_out, terminated]) == [late.order_id, lost.order_id]
            await shop.reconcile()


async def opened(shop: BatchShop, order: Order, limit: timedelta | None) -> bool:
    """Whether the book had it before its time was up."""
    handle = await shop.temporal.start_workflow(
        OrderFulfillmentWorkflow.run,
        order,
        id=order_workflow_id(order.order_id),
        task_queue=shop.task_queue,
        execution_timeout=limit,
    )

    async def is_open_or_over() -> bool:
        return await is_open() or (await handle.describe()).close_time is not None

    async def is_open() -> bool:
        return bool(await shop.book.find([order.order_id]))

    await eventually(is_open_or_over, SECONDS, "the order to be in the book")
    return await is_open()


async def test_a_batch_without_a_worker_is_answered_for_by_the_book(
    shop: BatchShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "QUERY", policy.WATCH_POLL)  # nobody will answer, however long we wait
    name = f"alone-{shop.task_queue}"
    ids = [f"{name}-{number}" for number in range(3)]
    file = write_orders(tmp_path / "orders.csv", [row(order_id) for order_id in ids])
    hold = shop.stage.hold("before reserve")
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(await shop.request(name, file, window=1))
        await hold.reached()
        hold.let_go()
    progress = await shop.batches.progress(name)
    assert_adds_up(progress)
    assert (progress.status, progress.counts.valid) == (BatchStatus.RUNNING, 3)
    assert progress.counts.not_started >= 1
    assert "no worker answers" in str(progress.reason)
    await shop.temporal.get_workflow_handle(f"batch-{name}").terminate("enough")
    ended = await shop.batches.progress(name)
    assert (ended.status, ended.counts.valid) == (BatchStatus.FAILED, 3)
    for child in await children(shop, f"batch-{name}", "running"):
        await shop.temporal.get_workflow_handle(child.workflow_id).terminate("enough")


async def test_an_order_that_runs_again_with_this_content_is_skipped_before_it_has_opened(
    shop: BatchShop, tmp_path: Path
) -> None:
    order_id = f"again-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(order_id, card=DECLINED)])
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.run(await shop.request(f"{order_id}-declined", file))
        write_orders(file, [row(order_id)])
        hold = shop.stage.hold("before open charge")
        running = await shop.request(f"{order_id}-running", file)
        await shop.batches.start(running)
        await hold.reached()
        same = await shop.run(await shop.request(f"{order_id}-same", file))
        write_orders(file, [row(order_id, card=DECLINED)])
        other = await shop.run(await shop.request(f"{order_id}-other", file))
        hold.let_go()
        async for progress in shop.batches.watch(running.name):
            last = progress
    assert (same.counts.skipped, other.counts.conflicting, last.counts.fulfilled) == (1, 1, 1)


async def test_known_orders_are_found_by_one_look_and_a_failed_look_says_so(shop: BatchShop) -> None:
    orders = OrderClient(shop.temporal, Staged(shop.book, shop.stage), task_queue=shop.task_queue)
    shop.stage.fail("before buy_label", lambda: ShippingRefused("on strike"), times=1)
    failed, fulfilled = an_order(), an_order()
    async with shop.open(), asyncio.timeout(SECONDS):
        for order in (failed, fulfilled):
            await shop.ended(await shop.start(order))
    shop.stage.calls.clear()
    known = await orders.find_existing([failed.order_id, fulfilled.order_id, "NOBODY"])
    assert known == {
        failed.order_id: SubmissionStatus.FAILED,
        fulfilled.order_id: SubmissionStatus.FULFILLED,
    }
    assert shop.stage.calls["before find"] == 1
    shop.stage.fail("before find", lambda: OperationalError("select", {}, Exception("gone")))
    with pytest.raises(OperationalError):
        await orders.find_existing([fulfilled.order_id])

"""Batches: every line accounted for once, whatever is run again."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError

from order_system.domain import policy
from order_system.domain.batch import BatchStatus
from order_system.domain.order import FirstAttempts
from order_system.domain.wording import iso
from order_system.gateways.simulated.faults import load_faults
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.infra.temporal.executions import describe
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up, row, write_orders
from tests.fixtures.steering.waiting import eventually
from workflows.batch import BatchFulfillmentWorkflow

SECONDS = 180
ORDERS = 12
SMALL_PAGE = 900


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> BatchShop:
    return BatchShop(sqlite_database, client, tmp_path)


@pytest.mark.long
async def test_a_file_is_run_and_run_again(shop: BatchShop, tmp_path: Path) -> None:
    """With continuing as new on the way, which loses and repeats nothing."""
    name = f"again-{shop.task_queue}"
    ids = [f"{name}-{number:03d}" for number in range(ORDERS)]
    rows = [
        row(order_id, card="pm_card_declined" if at % 6 == 5 else "pm_card_ok")
        for at, order_id in enumerate(ids)
    ]
    rows.insert(7, row(ids[6], sku="SECOND-LINE"))  # the same order goes on
    rows.append(row(ids[0]))  # a second block of the first order
    rows.insert(11, row(f"{name}-bad", quantity="0"))
    file = write_orders(tmp_path / "orders.csv", rows)
    sizes = {"window": 4, "page_bytes": SMALL_PAGE, "continue_after_events": 40}
    request = await shop.request(name, file, first_attempts=FirstAttempts.LOCAL, **sizes)
    # As an earlier version began it, which did not look for rows apart: the second block is a duplicate.
    request = request.model_copy(update={"file": request.file.model_copy(update={"apart": None})})
    async with shop.open(), asyncio.timeout(SECONDS * 2):
        first = await shop.run(request)
        runs = await shop.runs(name)
        charges = len((await shop.world.statement()).charges)
        again = await shop.run(request)
        lines = await shop.outcome(name)

    assert first.status == BatchStatus.FINISHED
    assert_adds_up(first)
    counts = first.counts
    assert (counts.valid, counts.fulfilled, counts.failed) == (ORDERS, ORDERS - 2, 2)
    assert (counts.rejected, counts.duplicate) == (1, 1)
    assert (counts.rows, counts.rows_valid) == (ORDERS + 3, ORDERS + 1)
    assert file.stat().st_size == counts.bytes_read == first.bytes_total

    assert len(runs) >= 2, "it has continued as new"
    begun = min(run.start_time for run in runs)
    assert iso(first.started_at) == iso(begun), "the start of the first of them"
    assert (first.orders_expected, first.seconds_left) == (ORDERS, 0)
    seconds = (first.updated_at - first.started_at).total_seconds()
    assert first.orders_a_second == pytest.approx(ORDERS / seconds, abs=0.01)

    assert_adds_up(again)
    assert (again.counts.skipped, again.counts.failed) == (ORDERS - 2, 2), "what failed is run again"
    assert charges == ORDERS - 2 == len((await shop.world.statement()).charges), "nothing is charged twice"
    covered = [number for line in lines for number in range(line.first_line, line.last_line + 1)]
    assert list(range(2, 2 + counts.rows)) == sorted(covered), "every line exactly once"
    assert Counter(line.status for line in lines) == {
        "fulfilled": ORDERS - 2,
        "failed": 2,
        "rejected": 1,
        "duplicate": 1,
    }
    await shop.assert_clean()


async def test_default_faults_are_run_again_until_all_is_decided(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    """With this seed and these IDs three calls of six orders have trouble, and one order's parcel is refused;
    run again, its goods are out of stock, and then it is fulfilled."""
    world = SimulatedWorld(sqlite_database, faults=load_faults("default"), seed=3810)
    shop = BatchShop(sqlite_database, client, tmp_path, world)
    name = f"faults-{shop.task_queue}"
    rows = [
        row(f"FAULTS-{number}", card="pm_card_declined" if number == 4 else "pm_card_ok")
        for number in range(6)
    ]
    file = write_orders(tmp_path / "orders.csv", rows)
    request = await shop.request(name, file, first_attempts=FirstAttempts.LOCAL)
    async with shop.open(), asyncio.timeout(SECONDS * 2):
        runs = [await shop.run(request) for _ in range(3)]
    for progress in runs:
        assert_adds_up(progress)
    counts = [(each.counts.fulfilled, each.counts.skipped, each.counts.failed) for each in runs]
    assert counts == [(4, 0, 2), (0, 4, 2), (1, 4, 1)]
    await shop.assert_clean()


async def test_an_order_that_needs_attention_is_handed_on_and_reported(
    shop: BatchShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BATCH_PATIENCE", "BATCH_LAST_LOOK", "BATCH_LOOK_AGAIN"):
        monkeypatch.setattr(policy, name, infra_policy.CONNECT_AGAIN)
    name = f"stuck-{shop.task_queue}"
    ids = [f"{name}-{number:03d}" for number in range(6)]
    rows = [row(order_id, card="pm_refund_never" if order_id == ids[0] else "pm_card_ok") for order_id in ids]
    rows[0] = (*rows[0][:8], "00000", *rows[0][9:])  # where no carrier goes, and a refund that fails
    request = await shop.request(
        name,
        write_orders(tmp_path / "orders.csv", rows),
        window=2,
        page_bytes=300,
        continue_after_events=40,
        first_attempts=FirstAttempts.LOCAL,
    )
    async with shop.open(), asyncio.timeout(SECONDS):
        progress = await shop.run(request)
        waiting, *others = await shop.outcome(name)
    assert_adds_up(progress)
    assert (waiting.status, {line.status for line in others}) == ("open", {"fulfilled"})
    assert waiting.reason == "it runs or waits; its status tells for what"
    assert (progress.counts.fulfilled, progress.counts.needing_attention) == (5, 1)
    assert (ids[0],) == progress.handed_on


@pytest.mark.usefixtures("calls_may_be_held")
async def test_pause_resume_and_cancel(shop: BatchShop, tmp_path: Path) -> None:
    name = f"paused-{shop.task_queue}"
    ids = [f"{name}-{number:03d}" for number in range(ORDERS)]
    request = await shop.request(
        name, write_orders(tmp_path / "orders.csv", [row(order_id) for order_id in ids]), window=2
    )
    hold = shop.stage.hold("before reserve")
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(request)
        await hold.reached()
        await shop.batches.pause(name)
        hold.let_go()

        async def quiet() -> bool:
            return (await shop.batches.progress(name)).counts.running == 0

        await eventually(quiet, SECONDS, "the window to empty")
        paused = await shop.batches.progress(name)
        assert paused.status == BatchStatus.PAUSED
        assert paused.counts.not_started > 0
        second = shop.stage.hold("before dispatch")
        await shop.batches.set_window(name, 4)
        await shop.batches.resume(name)
        await second.reached()
        await shop.batches.cancel(name)
        second.let_go()
        last = await shop.followed(name)
    assert last.status == BatchStatus.CANCELLED
    assert_adds_up(last)
    assert (last.counts.valid, last.counts.running, last.counts.failed) == (ORDERS, 0, 0)
    assert 0 < last.counts.not_started < ORDERS
    await shop.assert_clean()


@pytest.mark.usefixtures("calls_may_be_held")
async def test_cancel_with_the_orders_undoes_those_under_way(shop: BatchShop, tmp_path: Path) -> None:
    name = f"cancelled-{shop.task_queue}"
    rows = [row(f"{name}-{number}") for number in range(6)]
    request = await shop.request(name, write_orders(tmp_path / "orders.csv", rows), window=2)
    both = shop.stage.hold("before reserve"), shop.stage.hold("before claim label")
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(request)
        for hold in both:
            await hold.reached()
        await shop.batches.pause(name)
        await shop.batches.cancel(name, orders_too=True)

        async def are_told() -> bool:
            steps = [f"{step}-{name}-{number}" for step in ("inventory", "shipping") for number in (0, 1)]
            found = [await describe(shop.temporal, step) for step in steps]
            told = [each.raw_description.workflow_extended_info for each in found if each]
            return sum(each.cancel_requested for each in told) == len(both)

        await eventually(are_told, SECONDS, "the step of each order that is held to be asked to stop")
        for hold in both:
            hold.let_go()
        last = await shop.followed(name)
    assert_adds_up(last)
    assert (last.counts.cancelled, last.counts.not_started) == (2, 4)
    await shop.assert_clean()


async def test_other_content_is_a_conflict_and_is_not_run(shop: BatchShop, tmp_path: Path) -> None:
    name = f"conflict-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-1"), row(f"{name}-2")])
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.run(await shop.request(name, file))
        write_orders(file, [row(f"{name}-1", quantity="2"), row(f"{name}-2"), row(f"{name}-3")])
        changed = await shop.run(await shop.request(name, file))
        lines = await shop.outcome(name)
    assert (changed.counts.conflicting, changed.counts.skipped, changed.counts.fulfilled) == (1, 1, 1)
    assert [line.status for line in lines] == ["conflict", "fulfilled", "fulfilled"]
    assert len((await shop.world.statement()).charges) == 3


@pytest.mark.usefixtures("calls_may_be_held")
async def test_a_running_order_is_skipped_and_another_under_its_id_conflicts(
    shop: BatchShop, tmp_path: Path
) -> None:
    name = f"running-{shop.task_queue}"
    hold = shop.stage.hold("before reserve")
    first = write_orders(tmp_path / "first.csv", [row(f"{name}-1")])
    same = write_orders(tmp_path / "same.csv", [row(f"{name}-1")])
    other = write_orders(tmp_path / "other.csv", [row(f"{name}-1", quantity="3")])
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(await shop.request(f"{name}-first", first))
        await hold.reached()
        skipped = await shop.run(await shop.request(f"{name}-same", same))
        conflicting = await shop.run(await shop.request(f"{name}-other", other))
        hold.let_go()
        last = await shop.followed(f"{name}-first")
    assert (skipped.counts.skipped, conflicting.counts.conflicting, last.counts.fulfilled) == (1, 1, 1)


async def test_a_file_that_changed_since_its_plan_is_not_run(shop: BatchShop, tmp_path: Path) -> None:
    name = f"changed-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-1")])
    request = await shop.request(name, file)
    write_orders(file, [row(f"{name}-1"), row(f"{name}-2")])
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(request)
        handle = shop.temporal.get_workflow_handle_for(BatchFulfillmentWorkflow.run, f"batch-{name}")
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert "FileChanged" in repr(failure.value.cause) + repr(getattr(failure.value.cause, "cause", ""))
    assert (await shop.world.statement()).charges == ()


@pytest.mark.usefixtures("calls_may_be_held")
async def test_a_file_that_changes_on_the_way_ends_the_batch_after_its_orders(
    shop: BatchShop, tmp_path: Path
) -> None:
    name = f"swapped-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-{number}") for number in range(6)])
    request = await shop.request(name, file, window=2, page_bytes=200)
    hold = shop.stage.hold("before reserve")
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(request)
        await hold.reached()
        write_orders(file, [row(f"{name}-other")])
        hold.let_go()
        last = await shop.followed(name)
    assert last.status == BatchStatus.FAILED
    assert "changed" in (last.reason or "")
    assert_adds_up(last)
    assert last.counts.fulfilled >= 1
    assert last.counts.fulfilled + last.counts.not_started == last.counts.valid < 6
    await shop.assert_clean()


@pytest.mark.parametrize(
    ("call", "heartbeat"), [("verify", "FILE_HEARTBEAT"), ("read_page", "PAGE_HEARTBEAT")]
)
async def test_a_file_whose_reader_has_died_is_read_again_long_before_its_time_is_up(
    shop: BatchShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, heartbeat: str
) -> None:
    monkeypatch.setattr(policy, heartbeat, timedelta(seconds=1))
    monkeypatch.setattr(policy, "PAGE_ATTEMPT", policy.FILE_ATTEMPT)
    name = f"died-{call.replace('_', '-')}-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-1")])
    silent = shop.stage.hold(f"before {call}")
    async with shop.open(), asyncio.timeout(SECONDS):
        progress = await shop.run(await shop.request(name, file))
        silent.let_go()
    assert progress.counts.fulfilled == 1
    assert shop.stage.calls[f"before {call}"] >= 2  # a busy machine may miss one that lives


async def test_a_look_up_that_fails_is_retried_and_never_reads_as_new(
    shop: BatchShop, tmp_path: Path
) -> None:
    name = f"lookup-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-1"), row(f"{name}-2")])
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.run(await shop.request(name, file))
        shop.stage.fail("before find", lambda: RuntimeError("the database is away"), times=1)
        again = await shop.run(await shop.request(name, file))
    assert (again.counts.skipped, again.counts.fulfilled) == (2, 0)
    assert len((await shop.world.statement()).charges) == 2

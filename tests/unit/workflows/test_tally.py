"""How fast a batch is, and how long it still takes."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console, RenderableType

from order_system.cli.batches.views import progress_picture, progress_table, progress_words
from order_system.domain import policy
from order_system.domain.batch import BatchCounts, BatchProgress, BatchState, BatchStatus
from order_system.infra.process import STARTER
from workflows.tally import BatchTally

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAGE = BatchCounts(bytes_read=1_000, rows=100, rows_valid=100, valid=100, not_started=100)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def after(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def end_orders(tally: BatchTally, clock: Clock, number: int, *, seconds_each: float) -> None:
    for _ in range(number):
        clock.after(seconds_each)
        tally.move("not_started", "running")
        tally.move("running", "fulfilled")


def test_the_time_left_goes_by_the_bytes_that_are_read() -> None:
    clock = Clock()
    tally = BatchTally(BatchState(), clock, NOON)
    tally.add(PAGE)
    assert (tally.recent_pace(), tally.seconds_left(4_000)) == (None, None)

    end_orders(tally, clock, 20, seconds_each=0.5)

    assert (tally.recent_pace(), tally.whole_pace()) == (2.0, 2.0)
    assert tally.expected(4_000) == 400
    assert tally.seconds_left(4_000) == (400 - 20) / 2
    assert (tally.started_at, tally.updated_at) == (NOON, NOON + timedelta(seconds=10))


def test_the_pace_is_that_of_the_last_minute() -> None:
    clock = Clock()
    tally = BatchTally(BatchState(), clock, NOON)
    tally.add(PAGE)
    end_orders(tally, clock, 10, seconds_each=60)
    end_orders(tally, clock, 70, seconds_each=1)
    assert tally.recent_pace() == pytest.approx(1, abs=0.03)
    assert tally.whole_pace() == round(80 / 670, 2)
    assert len(tally.marks) <= policy.BATCH_PACE_OVER / policy.BATCH_PACE_STEP + 2, "it travels in the state"


def test_the_next_run_of_the_workflow_goes_on_measuring() -> None:
    clock = Clock()
    before = BatchTally(BatchState(), clock, NOON)
    before.add(PAGE)
    end_orders(before, clock, 20, seconds_each=1)
    state = BatchState(counts=before.counts, started_at=before.started_at, pace=before.marks)
    clock.after(2)

    after = BatchTally(BatchState.model_validate_json(state.model_dump_json()), clock, clock.time)

    end_orders(after, clock, 8, seconds_each=1)
    assert (after.started_at, after.recent_pace()) == (NOON, round(28 / 30, 2))


def test_a_pause_does_not_count_as_slowness() -> None:
    clock = Clock()
    tally = BatchTally(BatchState(), clock, NOON)
    tally.add(PAGE)
    end_orders(tally, clock, 10, seconds_each=1)
    clock.after(3_600)
    tally.measure_anew()
    end_orders(tally, clock, 10, seconds_each=0.5)
    assert tally.recent_pace() == 2.0


def test_counts_of_an_older_worker_are_those_of_files_that_left_nothing_out() -> None:
    older = PAGE.model_dump(exclude={"left_out", "rows_left_out"})
    read = BatchCounts.model_validate(older)
    assert read == PAGE
    assert read.plus(BatchCounts(left_out=2, rows_left_out=3)).rows_left_out == 3


# --- what people see of it ------------------------------------------------------------------------


def progress(status: BatchStatus, **changes: object) -> BatchProgress:
    counts = PAGE.model_copy(
        update={
            "not_started": 60,
            "running": 4,
            "fulfilled": 30,
            "failed": 6,
            "rejected": 2,
            "rows_rejected": 3,
        }
    )
    running = BatchProgress(
        name="monday",
        workflow_id="batch-monday",
        status=status,
        window=4,
        bytes_total=4_000,
        counts=counts,
        started_at=NOON,
        updated_at=datetime.now(UTC),
        orders_expected=400,
        orders_a_second=2.0,
        seconds_left=182.0,
    )
    return running.model_copy(update=changes)


def shown(picture: RenderableType) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(picture)
    return console.export_text()


def test_the_live_bar_has_the_counts_the_pace_and_the_time_left() -> None:
    bar, counts, *_ = shown(progress_picture(progress(BatchStatus.RUNNING))).splitlines()
    assert bar.startswith("running")
    assert "36/400" in bar
    assert "━" in bar
    assert "2.0 orders/s, 3 m 02 s left" in bar
    assert counts == "30 fulfilled · 6 failed · 4 running · 60 not started · 2 rejected"


def test_the_words_say_the_same() -> None:
    words = progress_words(progress(BatchStatus.RUNNING))
    assert words == (
        "monday running: 30 fulfilled · 6 failed · 4 running · 60 not started · 2 rejected"
        " · 2.0 orders/s, 3 m 02 s left"
    )
    nothing = progress(
        BatchStatus.RUNNING, counts=BatchCounts(), orders_expected=0, orders_a_second=None, seconds_left=None
    )
    assert progress_words(nothing) == "monday running: nothing read yet"
    assert "0/1" in shown(progress_picture(nothing))


def test_the_table_names_those_that_take_long() -> None:
    table = shown(progress_table(progress(BatchStatus.PAUSED, seconds_left=None, handed_on=("A-1", "A-2"))))
    assert "batch monday: paused" in table
    assert "these take long: A-1, A-2" in table
    assert "2.0 orders/s" in table
    assert "left" not in table
    still = progress(BatchStatus.RUNNING, updated_at=NOON)
    advice = f"no order has ended for 30 s: {STARTER} attention tells what waits"
    assert advice in shown(progress_table(still)).splitlines(), "on one line, to be typed as it stands"


def test_a_new_batch_knows_its_total_before_it_has_read_a_page() -> None:
    tally = BatchTally(BatchState(), Clock(), NOON, orders=400)
    assert tally.expected(1_000) == 400
    tally.add(BatchCounts(bytes_read=10, valid=7, rejected=2, left_out=1))
    assert tally.expected(1_000) == 397

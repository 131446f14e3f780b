"""What pages say about orders and batches, without any page."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from order_system.batches.progress import pace_words
from order_system.cli.batches.views import progress_table, progress_words
from order_system.domain.batch import BatchCounts, BatchProgress, BatchStatus
from order_system.domain.ids import step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, StepProgress, UndoProgress, UndoState
from order_system.domain.steps import Step
from order_system.web.pages.batches import headline, parts_of
from order_system.web.pages.visit import TEMPLATES, address
from order_system.web.pages.words import plain, sentence, share

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REFUSED = "ShippingRefused: the carrier does not take the parcel"


def an_order(status: OrderStatus, **changes: object) -> OrderProgress:
    children = tuple(StepProgress(step=step, workflow_id=step_workflow_id(step, "O-1")) for step in Step)
    order = OrderProgress(
        order_id="O-1", workflow_id="order-O-1", run_id="r", status=status, children=children
    )
    return order.model_copy(update=changes)


def words_at(now: datetime, progress: BatchProgress) -> str:
    return pace_words(progress, elsewhere="attention", now=now)


def rows_words(counts: BatchCounts) -> str:
    return TEMPLATES.get_template("batch_rows.html").render(counts=counts).strip()


@dataclass(frozen=True)
class Story:
    """What the page says of an order at its top."""

    loud: bool
    title: str
    text: str
    rest: str


def stories_of(order: OrderProgress) -> list[Story]:
    page = TEMPLATES.get_template("order_stories.html").render(order=order, now=NOW)
    told = re.findall(
        r'<div class="say is-\w+ (\w*)">\s*<h2>(.*?)</h2>\s*(?:<p class="reason">(.*?)</p>)?(.*?)</div>',
        page,
        re.DOTALL,
    )
    return [Story(bool(loud), *texts) for loud, *texts in told]


def undos(status: UndoState, reason: str | None = None) -> tuple[UndoProgress, ...]:
    return (UndoProgress(step=Step.PAYMENT, status=status, reason=reason),)


def a_batch(status: BatchStatus = BatchStatus.RUNNING, **changes: object) -> BatchProgress:
    counts = BatchCounts(bytes_read=50, valid=40, fulfilled=20, failed=5, running=10, not_started=5, rows=41)
    batch = BatchProgress(
        name="monday",
        workflow_id="batch-monday",
        status=status,
        window=10,
        bytes_total=100,
        counts=counts,
        started_at=NOW,
        orders_expected=80,
    )
    return batch.model_copy(update=changes)


# --- orders ---------------------------------------------------------------------------------------


def test_an_order_that_all_goes_well_with_needs_no_story() -> None:
    for status in (OrderStatus.RUNNING, OrderStatus.FULFILLED):
        assert stories_of(an_order(status)) == []


def test_a_failed_order_says_where_why_and_that_all_was_undone() -> None:
    failed = an_order(OrderStatus.FAILED, failed_step=Step.SHIPPING, reason=REFUSED)
    (bare,) = stories_of(failed)
    (undone,) = stories_of(failed.model_copy(update={"undos": undos(UndoState.DONE)}))
    (open_,) = stories_of(failed.model_copy(update={"undos": undos(UndoState.PENDING)}))
    assert bare.title == "The order failed at shipping"
    assert "To run it again, submit the same order again." in bare.rest
    assert bare.text == "The carrier does not take the parcel. Nothing had to be undone."
    assert undone.text == "The carrier does not take the parcel. Everything that was done has been undone."
    assert open_.text == "The carrier does not take the parcel."


def test_a_held_order_says_until_when_and_what_comes_then() -> None:
    held = an_order(
        OrderStatus.NEEDS_ATTENTION,
        failed_step=Step.SHIPPING,
        reason=REFUSED,
        held_until=NOW + timedelta(hours=2),
    )
    (story,) = stories_of(held)
    assert story.title == "Held at shipping: the order waits for a person"
    assert story.loud
    assert "2026-03-01 14:00:00 UTC</time>, in 2 h 00 m; then the order is undone." in story.rest


def test_a_stuck_undo_is_loud_and_the_first_cause_is_told_beside_it() -> None:
    stuck = an_order(
        OrderStatus.NEEDS_ATTENTION,
        failed_step=Step.SHIPPING,
        reason=REFUSED,
        undos=undos(UndoState.STUCK, "attempt 7: the gateway is down"),
    )
    first, second = stories_of(stuck)
    assert first.title == "The undo of payment is stuck: the order waits for a person"
    assert first.text == "It is still being retried. Attempt 7: the gateway is down."
    assert second.title == "The order is being undone since shipping failed"
    assert (first.loud, second.loud) == (True, False)


def test_a_note_is_told_of_a_fulfilled_order() -> None:
    (story,) = stories_of(an_order(OrderStatus.FULFILLED, note="the confirmation could not be sent"))
    assert story.text == "the confirmation could not be sent"


def test_an_order_that_is_being_undone_is_no_longer_just_running() -> None:
    assert an_order(OrderStatus.RUNNING).status_words == "running"
    assert an_order(OrderStatus.RUNNING, undos=undos(UndoState.DONE)).status_words == "being undone"
    assert an_order(OrderStatus.NEEDS_ATTENTION).status_words == "needs attention"


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (UndoState.DONE, "refunded 5.00 USD", "refunded 5.00 USD"),
        (UndoState.DONE, None, "undone"),
        (UndoState.HANDLED, "by ada: ticket 1", "handled by ada: ticket 1"),
        (UndoState.STUCK, None, "undo is stuck: no reason known"),
        (UndoState.PENDING, "attempt 2: down", "being undone: attempt 2: down"),
    ],
)
def test_undos_in_words(status: UndoState, reason: str | None, words: str) -> None:
    assert undos(status, reason)[0].words == words


def test_the_name_of_an_error_is_for_programs() -> None:
    assert plain(REFUSED) == "the carrier does not take the parcel"
    assert plain("OUT-OF-STOCK is out of stock: 1 wanted") == "OUT-OF-STOCK is out of stock: 1 wanted"
    assert plain("no Problem: at all") == "no Problem: at all"
    assert sentence("") == ""
    assert sentence("out of stock.") == "Out of stock."


# --- batches --------------------------------------------------------------------------------------


def bar_of(batch: BatchProgress) -> list[tuple[str, float, float]]:
    """Title, place and width of each part that is drawn."""
    drawn = TEMPLATES.get_template("progress.html").render(parts=parts_of(batch))
    parts = re.findall(r'x="([0-9.]+)%" width="([0-9.]+)%".*?<title>(.*?)</title>', drawn)
    return [(title, float(x), float(width)) for x, width, title in parts]


def test_the_parts_of_a_bar_stand_side_by_side_and_leave_the_rest_free() -> None:
    assert bar_of(a_batch()) == [
        ("20 fulfilled", 0, 25),
        ("5 failed", 25, 6.25),
        ("10 running", 31.25, 12.5),
    ]


def test_what_waits_for_a_person_is_told_as_running_nowhere() -> None:
    waiting = a_batch(waiting=4)
    assert [title for title, _, _ in bar_of(waiting)][2:] == ["4 need attention", "6 running"]
    assert "5 failed · 4 needing attention · 6 running" in progress_words(waiting)
    assert headline(waiting) == headline(a_batch()), "it has not ended, either"


def test_a_bar_is_never_overfull_even_if_more_orders_come_than_were_expected() -> None:
    _, x, width = bar_of(a_batch(orders_expected=10))[-1]
    assert x + width <= 100


def test_how_far_a_batch_is_in_words() -> None:
    assert headline(a_batch()) == "25 of about 80 orders done"
    whole = a_batch(bytes_total=50, orders_expected=40)
    assert headline(whole) == "25 of 40 orders done"
    paced = a_batch(orders_a_second=2.53, seconds_left=71.2, updated_at=NOW)
    assert words_at(NOW, paced) == "2.5 orders/s, 1 m 11 s left"
    assert words_at(NOW, a_batch(updated_at=NOW)) == ""
    under_way = paced.model_copy(update={"orders_expected": paced.counts.ended + paced.counts.running})
    assert words_at(NOW, under_way) == "2.5 orders/s"
    slow = paced.model_copy(update={"orders_a_second": 0.04, "seconds_left": None})
    assert words_at(NOW, slow) == "2.4 orders/min"
    stands = words_at(NOW + timedelta(seconds=31), under_way)
    assert stands == "no order has ended for 30 s: attention tells what waits"
    counts = BatchCounts(rows=9, rows_rejected=1, rows_duplicate=2)
    assert rows_words(counts) == "9 rows read; 1 row rejected; 2 duplicate rows"


def test_a_batch_that_had_nothing_to_run_says_so() -> None:
    counts = BatchCounts(bytes_read=100, rows=9, rows_left_out=9, left_out=7)
    done = a_batch(BatchStatus.FINISHED, counts=counts, orders_expected=0)
    assert headline(done) == "There was no order to run"
    told = "9 rows read; 7 orders on 9 rows left out: not to be shipped, says the shop"
    assert rows_words(counts) == told
    table = io.StringIO()
    Console(file=table, width=100).print(progress_table(done))
    assert "there was no order to run: 7 left out" in table.getvalue()


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "0 %"), (0, 5, "0 %"), (1, 3, "33 %"), (1, 64, "1.6 %"), (5, 5, "100 %")],
)
def test_shares(part: int, whole: int, words: str) -> None:
    assert share(part, whole) == words


def test_an_address_says_nothing_of_what_was_not_chosen() -> None:
    assert address("/", {"status": "", "batch": None}) == "/"
    assert address("/", {"find": "a&b=c", "status": "failed"}) == "/?find=a%26b%3Dc&status=failed"

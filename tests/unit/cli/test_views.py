"""What people see of an order, without a server and without a terminal."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from order_system.cli.batches.views import outcome_view
from order_system.cli.orders import listing
from order_system.cli.orders.children import _view
from order_system.cli.orders.samples import scenarios_table
from order_system.cli.views import OrderResult, changes, order_tree, orders_picture, results_table
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.listing import OrderSummary
from order_system.domain.messages import DispatchReceipt, OrderOutcome, OrderStatus
from order_system.domain.progress import OrderProgress, StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.steps import Step
from order_system.domain.wording import in_time
from order_system.gateways.simulated.scenarios import SCENARIOS
from order_system.infra.temporal.executions import WorkflowState
from order_system.orders.relatives import Child, StartedBy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REASON = "ShippingRefused: the carrier does not deliver there"


def step(kind: Step, status: StepState, **details: Any) -> StepProgress:
    return StepProgress(step=kind, workflow_id=step_workflow_id(kind, "A-1"), status=status, **details)


def done(kind: Step, milliseconds: int, **details: Any) -> StepProgress:
    return step(
        kind,
        StepState.COMPLETED,
        started_at=NOON,
        closed_at=NOON + timedelta(milliseconds=milliseconds),
        **details,
    )


def an_order(status: OrderStatus, *children: StepProgress, **details: Any) -> OrderProgress:
    order_id = details.pop("order_id", "A-1")
    given = {child.step: child for child in children}
    ended = [child.closed_at for child in children if child.closed_at]
    details = {"started_at": NOON, "closed_at": max(ended, default=None)} | details
    return OrderProgress(
        order_id=order_id,
        workflow_id=order_workflow_id(order_id),
        run_id="run",
        status=status,
        children=tuple(given.get(kind, step(kind, StepState.PENDING)) for kind in Step),
        **details,
    )


def undone_order(**details: Any) -> OrderProgress:
    return an_order(
        OrderStatus.FAILED,
        done(Step.PAYMENT, 312),
        done(Step.INVENTORY, 1234, attempts=2),
        done(Step.SHIPPING, 90, reason=REASON).model_copy(update={"status": StepState.FAILED}),
        failed_step=Step.SHIPPING,
        reason=REASON,
        undos=(
            UndoProgress(step=Step.SHIPPING, status=UndoState.DONE, reason="nothing was shipped"),
            UndoProgress(step=Step.PAYMENT, status=UndoState.DONE, reason="refunded 1,059.97 USD"),
        ),
        **details,
    )


def rendered(picture: RenderableType, width: int = 120) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(picture)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_tree_tells_state_time_attempts_reason_and_undo() -> None:
    head, payment, inventory, shipping, notification = rendered(order_tree(undone_order(), NOON))

    assert head == "A-1  failed  1.2 s"
    assert payment.endswith("payment      ✓ completed   312 ms  ↩ refunded 1,059.97 USD")
    assert inventory.endswith("inventory    ✓ completed    1.2 s  2 attempts")
    assert shipping.endswith(f"shipping     ✗ failed       90 ms  {REASON}  ↩ nothing was shipped")
    assert notification.endswith("notification · pending")


def test_a_running_step_counts_its_time_up() -> None:
    running = step(Step.PAYMENT, StepState.RUNNING, started_at=NOON, attempts=3)
    order = an_order(OrderStatus.RUNNING, running)

    lines = rendered(order_tree(order, NOON + timedelta(seconds=65)))

    assert lines[0] == "A-1  running  1 m 05 s"
    assert "▸ running   1 m 05 s  attempt 3" in lines[1]


@pytest.mark.parametrize(("status", "told"), [("open", 1), ("fulfilled", 0)])
def test_an_outcome_with_open_orders_says_how_to_see_what_they_wait_for(status: str, told: int) -> None:
    document = {"name": "orders", "by_status": {status: 2}, "output": None, "rejects": None}
    assert "\n".join(rendered(outcome_view(document))).count("python starter.py status ORDER") == told


def test_an_undo_under_way_and_one_that_is_stuck() -> None:
    pending = UndoProgress(step=Step.PAYMENT, reason="attempt 2: no answer")
    stuck = UndoProgress(step=Step.PAYMENT, status=UndoState.STUCK, reason="attempt 9: no answer")
    under_way = an_order(OrderStatus.RUNNING, done(Step.PAYMENT, 5), undos=(pending,))
    waiting = an_order(OrderStatus.NEEDS_ATTENTION, done(Step.PAYMENT, 5), undos=(stuck,))

    assert "A-1  being undone" in rendered(order_tree(under_way, NOON))[0]
    assert "↩ being undone: attempt 2: no answer" in rendered(order_tree(under_way, NOON))[1]
    assert "A-1  needs attention" in rendered(order_tree(waiting, NOON))[0]
    assert "! undo is stuck: attempt 9: no answer" in rendered(order_tree(waiting, NOON))[1]


def test_a_hold_and_what_was_answered_are_told() -> None:
    handled = UndoProgress(step=Step.PAYMENT, status=UndoState.HANDLED, reason="by ada: refunded")
    held = an_order(
        OrderStatus.NEEDS_ATTENTION,
        done(Step.PAYMENT, 5),
        held_until=NOON + timedelta(hours=2),
        answers=("retry step shipping, by ada",),
        undos=(handled,),
    )

    text = "\n".join(rendered(order_tree(held, NOON)))

    assert "✓ handled by ada: refunded" in text
    assert "held until 2026-01-01 14:00 UTC, for another 2 h 00 m; then it is undone" in text
    assert "answered: retry step shipping, by ada" in text
    assert "A-1 held until 2026-01-01 14:00 UTC" in list(changes(None, held))
    assert "A-1 answered: retry step shipping, by ada" in list(changes(None, held))


@pytest.mark.parametrize("number", [1, 3, 5, 40, 300])
@pytest.mark.parametrize("rows", [3, 22, 60])
def test_a_live_view_is_never_taller_than_the_terminal(number: int, rows: int) -> None:
    orders = [undone_order(order_id=f"A-{index}", note="so and so") for index in range(number)]

    assert 1 <= len(rendered(orders_picture(orders, NOON, rows=rows), width=60)) <= rows


def test_of_many_orders_those_under_way_are_shown() -> None:
    closed = [undone_order(order_id=f"A-{index}") for index in range(50)]
    running = an_order(OrderStatus.RUNNING, order_id="A-99")

    lines = rendered(orders_picture([*closed, running], NOON, rows=10))

    assert "A-99  running" in "\n".join(lines)
    assert "50/51" in lines[-1]
    assert "50 failed" in lines[-1]


def test_without_a_terminal_each_change_is_one_line() -> None:
    first = an_order(OrderStatus.RUNNING, step(Step.PAYMENT, StepState.RUNNING, started_at=NOON))
    claimed = an_order(
        OrderStatus.RUNNING, step(Step.PAYMENT, StepState.RUNNING, started_at=NOON, attempts=1)
    )

    assert list(changes(None, first)) == ["A-1 payment running", "A-1 running"]
    assert list(changes(first, first)) == []
    assert list(changes(first, claimed)) == []
    assert list(changes(claimed, undone_order())) == [
        "A-1 payment completed in 312 ms",
        "A-1 inventory completed in 1.2 s, attempt 2",
        f"A-1 shipping failed in 90 ms: {REASON}",
        "A-1 undo of shipping done: nothing was shipped",
        "A-1 undo of payment done: refunded 1,059.97 USD",
        f"A-1 failed: shipping: {REASON}",
    ]


def test_the_table_tells_what_came_of_each_order() -> None:
    fulfilled = an_order(
        OrderStatus.FULFILLED, done(Step.PAYMENT, 40), order_id="A-0", note="its mail [bounced]"
    )
    parcel = DispatchReceipt.model_construct(tracking_number="SPS_1")
    outcome = OrderOutcome.model_construct(parcel=parcel)
    results = [
        OrderResult(fulfilled, total="1,059.97 USD", outcome=outcome),
        OrderResult(undone_order(), total="5.00 USD"),
    ]

    text = "\n".join(rendered(results_table(results, NOON), width=140))

    for words in ("tracking SPS_1", "its mail [bounced]", "1,059.97 USD", "40 ms", f"shipping: {REASON}"):
        assert words in text
    assert "undone: shipping (nothing was shipped), payment (refunded 1,059.97 USD)" in text


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_940, "59.9 s"),
        (61_000, "1 m 01 s"),
        (7_140_000, "1 h 59 m"),
        (273_600_000, "3 d 04 h"),
    ],
)
def test_times_are_short(milliseconds: int, words: str) -> None:
    assert in_time(milliseconds) == words


def test_at_sixty_columns_a_table_that_needs_more_tells_all_of_it_in_blocks() -> None:
    results = [OrderResult(undone_order(order_id=f"A-{n}"), total="1,059.97 USD") for n in range(2)]
    child = Child(
        workflow_id="payment-A-1",
        run_id="01a224c4-7c64-71f8-a2ed-8f2294dd2f24",
        type="PaymentWorkflow",
        state=WorkflowState.COMPLETED,
        started_at=NOON,
        closed_at=NOON + SECOND,
        started_by=StartedBy.THIS_START,
    )
    listed = _view("order-A", None, [child, child], 2)
    for table in (results_table(results, NOON), scenarios_table(SCENARIOS), listed):
        narrow, wide = rendered(table, 60), rendered(table, 160)
        assert max(map(len, narrow)) <= 60
        assert "…" not in "".join(narrow)
        assert "┃" in "".join(wide)
        assert "┃" not in "".join(narrow)
        assert words_of(wide[3:]) <= words_of(narrow)


def words_of(lines: list[str]) -> set[str]:
    return set(re.findall(r"[\w-]+", "\n".join(lines)))


def test_of_an_order_that_was_forgotten_a_list_tells_the_step_and_no_reason() -> None:
    row = OrderSummary(
        order_id="A-1", submission="1", status=OrderStatus.FAILED, failed_step=Step.SHIPPING, opened_at=NOON
    )
    assert rendered(listing._view([row], more=False))[1:] == ["  shipping"]

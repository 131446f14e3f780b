"""The first attempt at each effect as a local activity: inside its child's workflow task."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    TimeoutError,  # noqa: A004 - the SDK's name
    TimeoutType,
)
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from activities.attempts import GAVE_UP
from order_system.domain import policy
from order_system.domain.book import JournalEntry
from order_system.domain.errors import AnswerLost, PaymentDeclined
from order_system.domain.ids import AFTER_FIRST, order_workflow_id, step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Capture, FirstAttempts, Flow, Handling, Order
from order_system.domain.progress import StepState
from order_system.domain.steps import Effect, Step
from order_system.intake.form import order_document
from tests.fixtures.shops.activity_calls import payment_request
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.watched import WAIT_SECONDS
from tests.fixtures.steering.cancels import a_child_is_asked_to_stop
from tests.fixtures.steering.waiting import eventually
from workflows.registry import WORKFLOWS
from workflows.step_workflow import StepWorkflow, pause_after

AN_HOUR = timedelta(hours=1)
MOST_EVENTS = 72
"""In the five histories of an order that goes well; fewer, where a child ends before its parent has heard of
its start. With regular activities alone it has 92."""


def a_local_order(**changes: object) -> Order:
    return an_order(first_attempts=FirstAttempts.LOCAL, **changes)


@pytest.fixture
def unhurried_first_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like the calls of regular ones."""
    for limit in ("FIRST_ATTEMPT", "FIRST_CALL"):
        monkeypatch.setattr(policy, limit, timedelta(seconds=WAIT_SECONDS))


def child(shop: Shop, order: Order, step: Step) -> WorkflowHandle[Any, Any]:
    return shop.temporal.get_workflow_handle(step_workflow_id(step, order.order_id))


async def journal(shop: Shop, order: Order) -> dict[Effect, JournalEntry]:
    return await shop.book.journal((await shop.book.find([order.order_id]))[order.order_id].ref)


async def events_of(shop: Shop, order: Order, *steps: Step) -> list[tuple[EventType.ValueType, str, str]]:
    """Of the order's history and its steps', which replay as well: type, and name and ID of the activity that
    is scheduled."""
    ids = [order_workflow_id(order.order_id), *(step_workflow_id(step, order.order_id) for step in steps)]
    histories = [await shop.temporal.get_workflow_handle(each).fetch_history() for each in ids]
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    for history in histories:
        await replayer.replay_workflow(history)
    scheduled = [
        (event.event_type, event.activity_task_scheduled_event_attributes)
        for history in histories
        for event in history.events
    ]
    return [(kind, each.activity_type.name, each.activity_id) for kind, each in scheduled]


@pytest.mark.parametrize(
    ("changes", "regular"),
    [
        ({}, ["buy_label"]),
        ({"flow": Flow.PARALLEL, "capture": Capture.ON_DISPATCH}, ["buy_label", "capture"]),
    ],
)
async def test_regular_are_only_those_between_which_a_cancel_must_be_seen(
    shop: Shop, changes: dict[str, object], regular: list[str]
) -> None:
    order = a_local_order(**changes)
    async with shop.open():
        await (await shop.start(order)).result()
    events = await events_of(shop, order, *Step)
    assert [name for _, name, _ in events if name] == regular
    assert changes or len(events) <= MOST_EVENTS
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_first_attempt_that_hangs_counts_as_unanswered_and_goes_on_as_a_regular_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its child answers a query by then, and the next attempts are numbered on."""
    monkeypatch.setattr(policy, "FIRST_CALL", timedelta(seconds=1))
    again = dataclasses.replace(
        policy.EFFECT_RETRY,
        initial_interval=timedelta(milliseconds=10),
        backoff_coefficient=100_000,
        maximum_interval=AN_HOUR,
    )
    monkeypatch.setattr(policy, "EFFECT_RETRY", again)
    order = a_local_order()
    hangs = shop.stage.hold("after charge")

    async def failed_again() -> bool:
        payment, *_ = (await shop.client.status(order.order_id)).children
        return (payment.reason or "").startswith("attempt 3: NotReached")

    async with shop.open():
        await shop.client.submit(order)
        await hangs.reached()
        shop.stage.unreachable("charge")
        status = await child(shop, order, Step.PAYMENT).query(StepWorkflow.status)
        assert status.state is StepState.RUNNING
        await eventually(failed_again, WAIT_SECONDS, "the third attempt to fail")
        entry = (await journal(shop, order))[Effect.CHARGE]
        assert (entry.attempts, entry.unanswered) == (3, 1)
        await shop.client.cancel(order.order_id)
    events = await events_of(shop, order, Step.PAYMENT)
    assert (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, "charge", AFTER_FIRST) in events
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


@pytest.mark.usefixtures("unhurried_first_attempts", "calls_may_be_held")
@pytest.mark.parametrize(
    ("point", "step", "ends"),
    [
        ("before charge", Step.PAYMENT, OrderStatus.CANCELLED),
        ("after charge", Step.PAYMENT, OrderStatus.CANCELLED),
        ("after record reserve", Step.INVENTORY, OrderStatus.CANCELLED),
        ("after buy_label", Step.SHIPPING, OrderStatus.CANCELLED),
        ("after dispatch", Step.SHIPPING, OrderStatus.FULFILLED),
    ],
)
async def test_a_cancel_is_told_as_it_ended(shop: Shop, point: str, step: Step, ends: OrderStatus) -> None:
    """The child of a first attempt that a cancel meets loses what that has answered; nobody else does."""
    order, hold = a_local_order(), shop.stage.hold(point)
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        cancel = asyncio.create_task(shop.client.cancel(order.order_id))
        await a_child_is_asked_to_stop(shop, order)
        hold.let_go()
        _, ended = await cancel
        stopped = await child(shop, order, step).query(StepWorkflow.status)
    assert (stopped.state, stopped.failure) == (StepState.CANCELLED, "cancelled")
    states = {each.step: each.status for each in ended.children}
    accounts = await shop.accounts(order)
    assert ended.status is ends
    if ends is OrderStatus.FULFILLED:
        assert states == dict.fromkeys(Step, StepState.COMPLETED)
        assert "a cancel came too late" in (ended.note or "")
        accounts.assert_fulfilled(order)
    else:
        assert states[step] is StepState.CANCELLED
        accounts.assert_undone()
        assert shop.stage.calls["before dispatch"] == 0
    await events_of(shop, order, *(each.step for each in ended.children if each.run_id))
    await shop.assert_clean()


async def test_a_deadline_is_reckoned_by_the_servers_clock(parts: Parts) -> None:
    """Whatever the worker's own says, by which a local activity has started."""
    order, asked = an_order(), datetime.now(UTC)
    request = payment_request(order).model_copy(update={"first_attempt_at": asked})
    parts.stage.answer_lost("charge")
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        is_local=True,
        started_time=asked - AN_HOUR,
        start_to_close_timeout=policy.FIRST_ATTEMPT,
    )
    with pytest.raises(AnswerLost):
        await environment.run(parts.payment.charge, request)
    entry = (await parts.book.journal(request.submission))[Effect.CHARGE]
    assert (entry.claimed_at, entry.unanswered_until) == (asked, asked + policy.EFFECT_ATTEMPT)
    assert policy.FIRST_ATTEMPT_STARTS + policy.FIRST_ATTEMPT < policy.EFFECT_ATTEMPT


def told(failure: FailureError, cause: Exception | None = None) -> FailureError:
    failure.__cause__ = cause
    return failure


def of_activity(cause: Exception) -> FailureError:
    none: Any = {"scheduled_event_id": 0, "started_event_id": 0, "activity_id": "1", "retry_state": None}
    return told(ActivityError("it failed", identity="", activity_type="charge", **none), cause)


REFUSED = ApplicationError("connection refused", type="NotReached")
TIMED_OUT = TimeoutError("too late", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=())
SOON = policy.EFFECT_RETRY.initial_interval


@pytest.mark.parametrize(
    ("failure", "pause"),
    [
        (REFUSED, SOON),
        (told(ApplicationError("busy", type="NotReached", next_retry_delay=AN_HOUR), REFUSED), AN_HOUR),
        (told(ApplicationError("gave up", type=GAVE_UP, non_retryable=True), REFUSED), None),
        (ApplicationError("declined", type=PaymentDeclined.__name__), None),
        (of_activity(TIMED_OUT), SOON),
        (of_activity(CancelledError()), None),
    ],
)
def test_the_next_attempt_comes_when_the_server_would_make_it(
    failure: FailureError, pause: timedelta | None
) -> None:
    assert pause_after(failure) == pause


def test_it_is_said_by_the_settings_and_is_no_part_of_an_order() -> None:
    order, local = an_order(), Handling(first_attempts=FirstAttempts.LOCAL)
    handled = order.with_defaults(local)
    assert handled.first_attempts is FirstAttempts.LOCAL
    assert (handled.fingerprint(), order_document(handled)) == (order.fingerprint(), order_document(order))

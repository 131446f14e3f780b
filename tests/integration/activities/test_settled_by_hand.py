"""What the book makes of a person's answer, in exact orders of events; on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from order_system.book.reading import answers_of
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.errors import AnswerLost, Fenced, NotReached, NotYetVoided
from order_system.domain.messages import HandledUndo, OrderStatus, UndoCause, UndoResult
from order_system.domain.order import Order
from order_system.domain.steps import Effect, Step
from tests.fixtures.shops.activity_calls import (
    FAILED,
    a_submission,
    inventory_request,
    payment_request,
    run_activity,
    shipping_request,
    undo_request,
)
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import Accounts, an_order


def handled(order: Order, step: Step, answer: AnsweredAs = AnsweredAs.HANDLED, id_: str = "1") -> HandledUndo:
    record = AnswerRecord(
        answer_id=id_, at=datetime.now(UTC), who="ada@desk-1", note="ticket 123", step=step, answer=answer
    )
    return HandledUndo(submission=a_submission(order), cause=FAILED, answer=record)


async def an_order_with_a_label(parts: Parts) -> Order:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    return order


async def status(parts: Parts, order: Order) -> SubmissionStatus:
    return (await parts.book.find([order.order_id]))[order.order_id].status


async def test_a_refund_by_hand_closes_the_submission_once(parts: Parts) -> None:
    order = await an_order_with_a_label(parts)
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    await run_activity(parts.inventory.release, undo_request(order))
    first = await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.PAYMENT))
    assert (first.recorded, first.undo.result) == (True, UndoResult.HANDLED)
    assert await status(parts, order) == SubmissionStatus.FAILED
    assert await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.PAYMENT)) == first
    # The undo, tried again after a reset, finds it handled and asks no gateway.
    answer = await run_activity(parts.payment.refund, undo_request(order))
    assert (answer.result, parts.stage.calls["before refund"]) == (UndoResult.HANDLED, 0)
    assert [each.answer_id for each in await parts.book.database.read(answers_of, a_submission(order))] == [
        "1"
    ]
    assert (await parts.audit()).clean


async def test_stock_and_money_wait_for_shippings_answer_by_hand_too(parts: Parts) -> None:
    order = await an_order_with_a_label(parts)
    with pytest.raises(NotYetVoided):
        await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.PAYMENT))
    voided = await run_activity(
        parts.answers.end_undo_by_hand, handled(order, Step.SHIPPING, AnsweredAs.VOIDED, "2")
    )
    assert voided.recorded
    await run_activity(parts.inventory.release, undo_request(order))
    await run_activity(parts.payment.refund, undo_request(order))
    assert await status(parts, order) == SubmissionStatus.FAILED
    with pytest.raises(Fenced):
        await run_activity(parts.shipping.dispatch, shipping_request(order))
    assert (await parts.audit()).clean


async def test_an_undo_that_has_ended_is_not_handled(parts: Parts) -> None:
    order = await an_order_with_a_label(parts)
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order))
    late = await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.PAYMENT))
    assert (late.recorded, late.undo.result) == (False, UndoResult.UNDONE)
    assert (await parts.book.journal(a_submission(order)))[Effect.CHARGE].state == EffectState.UNDONE
    assert await parts.book.database.read(answers_of, a_submission(order)) == []


async def test_voided_comes_too_late_for_a_parcel_that_the_carrier_has(parts: Parts) -> None:
    order = await an_order_with_a_label(parts)
    await run_activity(parts.shipping.dispatch, shipping_request(order))
    late = await run_activity(
        parts.answers.end_undo_by_hand, handled(order, Step.SHIPPING, AnsweredAs.VOIDED)
    )
    assert (late.recorded, late.undo.result) == (False, UndoResult.ALREADY_DISPATCHED)
    assert await status(parts, order) == SubmissionStatus.FULFILLED
    Accounts(await parts.world.statement(), order).assert_fulfilled(order)
    assert (await parts.audit()).clean


async def test_dispatched_by_hand_survives_a_lost_answer_of_the_warehouse(parts: Parts) -> None:
    order = await an_order_with_a_label(parts)
    parts.stage.answer_lost("commit", times=1)
    request = handled(order, Step.SHIPPING, AnsweredAs.DISPATCHED)
    with pytest.raises(Exception, match="no answer"):
        await run_activity(parts.answers.end_undo_by_hand, request)
    done = await run_activity(parts.answers.end_undo_by_hand, request)
    assert (done.recorded, done.undo.result) == (True, UndoResult.ALREADY_DISPATCHED)
    assert await run_activity(parts.answers.end_undo_by_hand, request) == done
    assert await run_activity(parts.shipping.void_shipment, undo_request(order)) == done.undo
    with pytest.raises(NotYetVoided):
        await run_activity(parts.payment.refund, undo_request(order))
    assert await status(parts, order) == SubmissionStatus.FULFILLED
    assert (await parts.audit()).clean


async def test_what_never_happened_is_not_handled_but_fenced(parts: Parts) -> None:
    order = an_order()
    parts.stage.fail("before charge", lambda: NotReached("down"))
    with pytest.raises(NotReached):
        await run_activity(parts.payment.charge, payment_request(order))
    with pytest.raises(ApplicationError, match="was not both paid and reserved"):
        await run_activity(
            parts.answers.end_undo_by_hand, handled(order, Step.SHIPPING, AnsweredAs.DISPATCHED)
        )
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    await run_activity(parts.inventory.release, undo_request(order))
    answer = await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.PAYMENT))
    assert answer.undo.result == UndoResult.NOTHING_TO_UNDO
    assert (await parts.book.journal(a_submission(order)))[Effect.CHARGE].state == EffectState.NEVER_HAPPENED
    assert await status(parts, order) == SubmissionStatus.FAILED
    assert (await parts.audit()).clean


# --- two who undo at once -------------------------------------------------------------------------


async def test_a_refund_does_not_outlive_its_attempt(parts: Parts) -> None:
    """After it, a person may have been told that theirs counts."""
    order = await an_order_with_a_label(parts)
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    await run_activity(parts.inventory.release, undo_request(order))
    stalled = parts.stage.hold("before refund")
    limit = timedelta(seconds=2)
    late = asyncio.create_task(run_activity(parts.payment.refund, undo_request(order), limit=limit))
    await stalled.reached()
    with pytest.raises(TimeoutError):
        await late
    assert (await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.PAYMENT))).recorded
    assert Accounts(await parts.world.statement(), order).refunded == 0


async def test_a_person_voids_while_an_undo_finishes_the_dispatch(parts: Parts) -> None:
    """The undo has learned that the parcel is gone, and written it down: the person is told what is left to
    answer, and the order does not end over an open book."""
    order = await an_order_with_a_label(parts)
    parts.stage.answer_lost("dispatch", times=1)
    with pytest.raises(AnswerLost):
        await run_activity(parts.shipping.dispatch, shipping_request(order))
    stalled = parts.stage.hold("before commit")
    other = asyncio.create_task(run_activity(parts.shipping.void_shipment, undo_request(order)))
    await stalled.reached()
    answer = handled(order, Step.SHIPPING, AnsweredAs.VOIDED)
    with pytest.raises(ApplicationError, match="answer dispatched"):
        await run_activity(parts.answers.end_undo_by_hand, answer)
    stalled.let_go()
    assert (await other).result is UndoResult.ALREADY_DISPATCHED
    assert await status(parts, order) == SubmissionStatus.FULFILLED
    assert (await parts.audit()).clean


async def test_a_parcel_that_is_found_gone_too_late_changes_nothing(parts: Parts) -> None:
    """A person has settled it as voided while the carrier was being asked."""
    order = await an_order_with_a_label(parts)
    parts.stage.answer_lost("dispatch", times=1)
    with pytest.raises(AnswerLost):
        await run_activity(parts.shipping.dispatch, shipping_request(order))
    stalled = parts.stage.hold("after void")
    other = asyncio.create_task(run_activity(parts.shipping.void_shipment, undo_request(order)))
    await stalled.reached()
    await run_activity(parts.answers.end_undo_by_hand, handled(order, Step.SHIPPING, AnsweredAs.VOIDED))
    stalled.let_go()
    with pytest.raises(Fenced):
        await other
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order))
    assert await status(parts, order) == SubmissionStatus.FAILED


async def test_another_undo_cannot_void_what_a_person_has_said_is_dispatched(parts: Parts) -> None:
    order = await an_order_with_a_label(parts)
    stalled = parts.stage.hold("before commit")
    answer = handled(order, Step.SHIPPING, AnsweredAs.DISPATCHED)
    person = asyncio.create_task(run_activity(parts.answers.end_undo_by_hand, answer))
    await stalled.reached()
    # Whoever comes now finds the parcel gone, and finishes the rest.
    other = await run_activity(parts.shipping.void_shipment, undo_request(order))
    assert other.result is UndoResult.ALREADY_DISPATCHED
    assert await status(parts, order) == SubmissionStatus.FULFILLED
    stalled.let_go()
    assert (await person).recorded
    accounts = Accounts(await parts.world.statement(), order)
    assert (accounts.captured - accounts.refunded, accounts.reservations) == (order.total, ["committed"])
    assert (await parts.audit()).clean


async def test_a_reason_may_hold_anything(parts: Parts) -> None:
    """PostgreSQL keeps no NUL: the last undo could never close the order."""
    order = await an_order_with_a_label(parts)
    cause = UndoCause(status=OrderStatus.FAILED, reason="ShippingRefused: bad \x00\n body" + "!" * 5_000)
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order, cause=cause))
    record = (await parts.book.find([order.order_id]))[order.order_id]
    assert record.status == SubmissionStatus.FAILED
    assert (record.reason or "").startswith("ShippingRefused: bad    body!")


@pytest.mark.parametrize("call", ["void", "release", "refund"])
async def test_no_gateway_can_end_an_undo_by_an_error_of_its_own(parts: Parts, call: str) -> None:
    """It is retried like any other, and so costs the workflow no event."""
    order = await an_order_with_a_label(parts)
    undos = {
        "void": parts.shipping.void_shipment,
        "release": parts.inventory.release,
        "refund": parts.payment.refund,
    }
    if call != "void":
        await run_activity(parts.shipping.void_shipment, undo_request(order))
    final = ApplicationError("never again", type="Final", non_retryable=True)
    parts.stage.fail(f"before {call}", lambda: final, times=1)
    with pytest.raises(AnswerLost, match="Final: never again"):
        await run_activity(undos[call], undo_request(order))
    answer = await run_activity(undos[call], undo_request(order))
    assert answer.result is UndoResult.UNDONE

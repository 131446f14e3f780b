"""Orders that are paid already: confirmed, never charged, and given back once."""

import asyncio
from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError

from activities.payment import PaymentActivities
from order_system.domain import policy
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.errors import AnswerLost, Fenced, PaymentNotConfirmed, RefundByHand
from order_system.domain.gateways import PaymentElsewhere
from order_system.domain.messages import HandledUndo, UndoResult
from order_system.domain.order import CapturedElsewhere, Order, PaymentReceipt
from order_system.domain.steps import Effect, Step
from order_system.gateways.simulated.behaviours import MADE_UP
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.fixtures.shops.activity_calls import (
    FAILED,
    a_submission,
    payment_request,
    run_activity,
    undo_request,
)
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import an_order


def paid_by(reference: str) -> Order:
    return an_order(payment_method=f"paid:{reference}")


async def undone(parts: Parts, order: Order, submission: str = "first") -> UndoResult:
    request = undo_request(order, submission)
    for undo in (parts.shipping.void_shipment, parts.inventory.release):
        await run_activity(undo, request)
    return (await run_activity(parts.payment.refund, request)).result


class OnlyCharges:
    """A gateway that offers nothing besides."""

    def __init__(self, world: SimulatedWorld) -> None:
        self.charge, self.refund = world.payments.charge, world.payments.refund


async def test_what_is_paid_already_is_confirmed_and_not_charged(parts: Parts) -> None:
    order = paid_by("ch_1")
    answers = [await run_activity(parts.payment.charge, payment_request(order)) for _ in range(2)]
    receipt = answers[0].receipt
    assert (receipt.charge_id, receipt.amount, receipt.currency) == ("ch_1", order.total, "USD")
    assert receipt.captured_elsewhere is CapturedElsewhere.CONFIRMED
    assert answers[0] == answers[1]
    assert parts.stage.calls["before find_payment"] == 1
    statement = await parts.world.statement()
    assert statement.charges == ()
    assert statement.payments == (PaymentElsewhere("ch_1", order.total, "USD", 0),)
    assert (await parts.audit()).clean


@pytest.mark.parametrize("lost", [0, 1])
async def test_its_money_goes_back_once_by_its_reference(parts: Parts, lost: int) -> None:
    order = paid_by("ch_1")
    await run_activity(parts.payment.charge, payment_request(order))
    parts.stage.answer_lost("refund", times=lost)
    for _ in range(lost):
        with pytest.raises(AnswerLost):
            await undone(parts, order)
    assert [await undone(parts, order), await undone(parts, order)] == [UndoResult.UNDONE] * 2
    assert parts.stage.calls["before refund"] == 1 + lost
    assert (await parts.world.statement()).payments == (
        PaymentElsewhere("ch_1", order.total, "USD", order.total),
    )
    assert (await parts.audit()).clean


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        (105996, "USD", "is of 1,059.96 USD, and the order comes to 1,059.97 USD"),
        (105997, "EUR", "is of 1,059.97 EUR, and the order comes to 1,059.97 USD"),
    ],
)
async def test_a_payment_that_is_smaller_or_in_another_currency_is_refused(
    parts: Parts, amount: int, currency: str, why: str
) -> None:
    await parts.world.payments.receive("ch_1", amount=amount, currency=currency)
    order = paid_by("ch_1")
    with pytest.raises(PaymentNotConfirmed, match=why):
        await run_activity(parts.payment.charge, payment_request(order))
    assert await undone(parts, order) is UndoResult.NOTHING_TO_UNDO
    assert (await parts.world.statement()).payments[0].refunded == 0, "it may be somebody else's"
    assert (await parts.audit()).clean


async def test_of_a_larger_payment_an_order_takes_and_gives_back_what_it_comes_to(parts: Parts) -> None:
    """Two orders on one payment, which covers both; the first is undone. Of a third, the audit tells."""
    first, second, third = (paid_by("ch_1") for _ in range(3))
    await parts.world.payments.receive("ch_1", amount=2 * first.total, currency="USD")
    for order in (first, second):
        answer = await run_activity(parts.payment.charge, payment_request(order))
        assert (answer.receipt.amount, answer.receipt.charge_id) == (order.total, "ch_1")
    assert (await parts.audit()).clean

    assert [await undone(parts, first), await undone(parts, first)] == [UndoResult.UNDONE] * 2
    [payment] = (await parts.world.statement()).payments
    assert (payment.amount, payment.refunded) == (2 * first.total, first.total)
    assert (await parts.audit()).clean
    with pytest.raises(PaymentNotConfirmed, match=r"1,059\.97 USD have been given back"):
        await run_activity(parts.payment.charge, payment_request(third))
    with pytest.raises(RefundByHand, match=r"give back 1,059\.97 USD by hand, paid as ch_1"):
        await undone(parts, second)
    assert (await parts.world.statement()).payments == (payment,)


async def test_a_payment_that_was_given_back_is_refused(parts: Parts) -> None:
    await parts.world.payments.receive("ch_1", amount=105997, currency="USD")
    sure = CapturedElsewhere.CONFIRMED
    paid = PaymentReceipt(charge_id="ch_1", amount=105997, currency="USD", captured_elsewhere=sure)
    await parts.world.payments.refund("x:y:charge", receipt=paid)
    with pytest.raises(PaymentNotConfirmed, match=r"1,059\.97 USD have been given back"):
        await run_activity(parts.payment.charge, payment_request(paid_by("ch_1")))


async def test_a_payment_that_does_not_exist_is_refused(parts: Parts, database: Database) -> None:
    with pytest.raises(PaymentNotConfirmed, match="there is no payment ch_made_up"):
        await run_activity(parts.payment.charge, payment_request(paid_by(MADE_UP)))
    strict = SimulatedWorld(database, strict_payments=True)
    await strict.payments.receive("mine", amount=105997, currency="USD")
    payment = PaymentActivities(parts.book, strict.payments)
    for reference in ("ch_1", "cash"):
        with pytest.raises(PaymentNotConfirmed, match=f"there is no payment {reference}"):
            await run_activity(payment.charge, payment_request(paid_by(reference)))
    answer = await run_activity(payment.charge, payment_request(paid_by("mine")))
    assert answer.receipt.captured_elsewhere is CapturedElsewhere.CONFIRMED


@pytest.mark.parametrize("method", ["authorized:pi_1", "authorised:", "paid:", "Paid:ch_1"])
async def test_what_came_past_the_door_is_not_charged_either(parts: Parts, method: str) -> None:
    with pytest.raises(PaymentNotConfirmed):
        await run_activity(parts.payment.charge, payment_request(an_order(payment_method=method)))
    assert (await parts.world.statement()).charges == ()


@pytest.mark.parametrize("bare", [False, True])
async def test_what_cannot_be_looked_up_is_taken_at_its_word_and_given_back_by_hand(
    parts: Parts, bare: bool
) -> None:
    """By a gateway that knows nothing of such a reference, and by one that knows of no references at all."""
    if bare:
        parts.payment = PaymentActivities(parts.book, OnlyCharges(parts.world))
    order = paid_by("cash-1")
    answer = await run_activity(parts.payment.charge, payment_request(order))
    assert answer.receipt.captured_elsewhere is CapturedElsewhere.AT_ITS_WORD
    assert (await parts.audit()).clean
    with pytest.raises(RefundByHand, match=r"give back 1,059\.97 USD by hand, paid as cash-1"):
        await undone(parts, order)
    journal = await parts.book.journal(a_submission(order))
    assert journal[Effect.CHARGE].state is EffectState.DONE, "owed until a person answers"
    assert (await parts.book.find([order.order_id]))[order.order_id].status is SubmissionStatus.OPEN


async def test_no_order_is_paid_by_what_was_given_back_for_it_by_hand(parts: Parts) -> None:
    """The gateway knows nothing of it; the book does."""
    order = paid_by("cash-1")
    await run_activity(parts.payment.charge, payment_request(order))
    for undo in (parts.shipping.void_shipment, parts.inventory.release):
        await run_activity(undo, undo_request(order))
    record = AnswerRecord(
        answer_id="1",
        at=datetime.now(UTC),
        who="ada@desk-1",
        note="cash given back",
        step=Step.PAYMENT,
        answer=AnsweredAs.HANDLED,
    )
    by_hand = HandledUndo(submission=a_submission(order), cause=FAILED, answer=record)
    await run_activity(parts.answers.end_undo_by_hand, by_hand)
    with pytest.raises(PaymentNotConfirmed, match="was that of submission first, which was undone"):
        await run_activity(parts.payment.charge, payment_request(order, "second"))
    other = order.model_copy(update={"payment_method": "paid:cash-2"})
    answer = await run_activity(parts.payment.charge, payment_request(other, "third"))
    assert answer.receipt.charge_id == "cash-2"
    assert (await parts.audit()).clean


async def test_a_confirmation_behind_the_fence_is_none(parts: Parts) -> None:
    """Nothing has happened in the world, and the next submission may be paid by that payment."""
    order = paid_by("ch_1")
    stalled = parts.stage.hold("before record charge")
    charge = asyncio.create_task(run_activity(parts.payment.charge, payment_request(order)))
    await stalled.reached()
    with pytest.raises(ApplicationError, match="may still land"):
        await undone(parts, order)
    stalled.let_go()
    with pytest.raises(Fenced):
        await charge
    assert (await parts.book.journal(a_submission(order)))[Effect.CHARGE].receipt is None
    late = await run_activity(parts.payment.refund, undo_request(order), after=policy.EFFECT_ATTEMPT)
    assert late.result is UndoResult.NOTHING_TO_UNDO
    await run_activity(parts.payment.charge, payment_request(order, "second"))
    key = a_submission(order).key(Effect.CHARGE)
    assert await PaymentActivities(parts.book, parts.world.payments).give_back(key) is None
    assert (await parts.world.statement()).payments[0].refunded == 0
    assert (await parts.audit()).clean

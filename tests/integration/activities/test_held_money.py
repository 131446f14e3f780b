"""Money that is held first: what the book refuses, and what a gateway without it answers."""

from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest
from temporalio.exceptions import ApplicationError

from activities.notification import NotificationActivities
from activities.payment import PaymentActivities
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import EffectState
from order_system.domain.errors import AnswerLost, CannotHold, Fenced, PaymentNotConfirmed
from order_system.domain.journal import payment_in
from order_system.domain.messages import (
    HandledUndo,
    NoticeKind,
    NotificationRequest,
    Opening,
    StepRequest,
    UndoResult,
)
from order_system.domain.order import Capture, NoticeReceipt, Order
from order_system.domain.steps import AUTHORISATION_VOIDED, Effect, Step
from order_system.gateways.simulated.world import SimulatedWorld
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
from tests.fixtures.shops.shop import an_order


@pytest.fixture
async def order(parts: Parts) -> Order:
    """Held, reserved and labelled; not captured."""
    order = an_order(capture=Capture.ON_DISPATCH)
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    return order


async def capture(parts: Parts, order: Order) -> None:
    await run_activity(parts.payment.capture, StepRequest(submission=a_submission(order)))


async def test_no_parcel_goes_before_the_capture(parts: Parts, order: Order) -> None:
    with pytest.raises(Fenced, match="its money was not captured yet"):
        await run_activity(parts.shipping.dispatch, shipping_request(order))
    assert "before dispatch" not in parts.stage.calls
    await capture(parts, order)
    await run_activity(parts.shipping.dispatch, shipping_request(order))
    assert (await parts.audit()).clean


@pytest.mark.parametrize("captured", [True, False])
async def test_nor_by_hand(parts: Parts, order: Order, captured: bool) -> None:
    if captured:
        await capture(parts, order)
    answer = AnswerRecord(
        answer_id="1",
        at=datetime.now(UTC),
        who="ada",
        note="it went",
        step=Step.SHIPPING,
        answer=AnsweredAs.DISPATCHED,
    )
    request = HandledUndo(submission=a_submission(order), cause=FAILED, answer=answer)
    if captured:
        answered = await run_activity(parts.answers.end_undo_by_hand, request)
        assert answered.undo.result is UndoResult.ALREADY_DISPATCHED
        assert answered.undo.payment.held is False
    else:
        with pytest.raises(ApplicationError, match="not both paid and reserved"):
            await run_activity(parts.answers.end_undo_by_hand, request)


async def test_a_capture_that_was_never_to_come_is_refused(parts: Parts) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    with pytest.raises(Fenced, match="was captured at once"):
        await capture(parts, order)


async def test_what_an_answer_was_lost_of_is_asked_for_until_it_cannot_land(parts: Parts) -> None:
    """Nothing is found, and one attempt is unanswered: the charge is in doubt, and no capture ever comes."""
    order = an_order(capture=Capture.ON_DISPATCH)
    parts.stage.fail("before authorise", lambda: RuntimeError("the connection broke"), times=1)
    with pytest.raises(RuntimeError):
        await run_activity(parts.payment.charge, payment_request(order))
    request = undo_request(order)
    await run_activity(parts.shipping.void_shipment, request)
    with pytest.raises(ApplicationError, match="may still land"):
        await run_activity(parts.payment.refund, request)
    journal = await parts.book.journal(a_submission(order))
    assert (journal[Effect.CHARGE].state, journal[Effect.CAPTURE].state) == (
        EffectState.IN_DOUBT,
        EffectState.NEVER_HAPPENED,
    )


async def test_a_capture_that_only_its_undo_learns_of_is_told_as_refunded(parts: Parts, order: Order) -> None:
    """The customer reads of it: `payment_in` is what the notice is made of."""
    parts.stage.answer_lost("capture", times=1)
    with pytest.raises(AnswerLost):
        await capture(parts, order)
    request = undo_request(order)
    for undo in (parts.shipping.void_shipment, parts.inventory.release):
        await run_activity(undo, request)
    assert (await run_activity(parts.payment.refund, request)).detail == "refunded 1,059.97 USD"
    payment = payment_in(await parts.book.journal(a_submission(order)))
    assert payment is not None
    assert not payment.held
    assert (await parts.audit()).clean


async def test_a_server_whose_clock_is_set_back_after_the_capture(parts: Parts) -> None:
    order = an_order(capture=Capture.ON_DISPATCH)
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    await capture(parts, order)
    back, limit = -timedelta(minutes=5), timedelta(hours=1)
    await run_activity(parts.shipping.dispatch, shipping_request(order), after=back, limit=limit)
    assert (await parts.audit()).clean


class OnlyCharges:
    def __init__(self, world: SimulatedWorld) -> None:
        self.charge, self.refund = world.payments.charge, world.payments.refund


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"capture": Capture.ON_DISPATCH}, "cannot hold money until the parcel goes"),
        ({"payment_method": "authorised:pi_1"}, "cannot take over what others have authorised"),
    ],
)
async def test_a_gateway_that_cannot_hold_says_so_once(
    parts: Parts, changes: dict[str, str], why: str
) -> None:
    payment = PaymentActivities(parts.book, OnlyCharges(parts.world))
    with pytest.raises(CannotHold, match=why):
        await run_activity(payment.charge, payment_request(an_order(**changes)))


# --- beside workers of an older version, which know of no capture -----------------------------------


async def test_what_an_older_worker_has_opened_waits_for_its_capture_too(parts: Parts) -> None:
    """In the parallel flow: its inventory came first, and its shipping asks for no capture."""
    order = an_order(capture=Capture.ON_DISPATCH)
    opening = Opening(total=order.total, currency=order.currency)
    beside = inventory_request(order).model_copy(update={"opening": opening})
    await run_activity(parts.inventory.reserve, beside)
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    with pytest.raises(Fenced, match="its money was not captured yet"):
        await run_activity(parts.shipping.dispatch, shipping_request(order))

    request = undo_request(order)
    await run_activity(parts.shipping.void_shipment, request)
    await run_activity(parts.inventory.release, request)
    assert (await run_activity(parts.payment.refund, request)).detail == AUTHORISATION_VOIDED
    assert (await parts.audit()).clean


async def test_a_notice_tells_that_nothing_was_charged_though_no_answer_came(parts: Parts) -> None:
    order, mailer = an_order(capture=Capture.ON_DISPATCH), AsyncMock()
    parts.stage.fail("after authorise", lambda: AnswerLost("no answer"))
    with pytest.raises(AnswerLost):
        await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    assert (await run_activity(parts.payment.refund, undo_request(order))).detail == AUTHORISATION_VOIDED

    mailer.send_details.return_value = NoticeReceipt(message_id="m", kind=NoticeKind.CANCELLATION)
    request = NotificationRequest(
        submission=a_submission(order), kind=NoticeKind.CANCELLATION, customer=order.customer
    )
    await run_activity(NotificationActivities(parts.book, mailer).notify, request)
    details = mailer.send_details.await_args.kwargs["details"]
    assert (details.payment, details.voided) == (None, True)


async def test_what_is_only_authorised_is_never_taken_at_its_word(parts: Parts) -> None:
    """An older workflow does not say that it is to be captured later."""
    order = an_order(payment_method="authorised:pi_1")
    request = payment_request(order).model_copy(update={"captured_on_dispatch": False})
    with pytest.raises(PaymentNotConfirmed, match="submit it again"):
        await run_activity(parts.payment.charge, request)

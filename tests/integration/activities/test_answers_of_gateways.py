"""What real providers answer: a no that they store, a subclass of our errors, when to come back."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.attempts import GAVE_UP
from activities.payment import PaymentActivities
from order_system.domain import policy
from order_system.domain.book import EffectState
from order_system.domain.errors import (
    AnswerLost,
    BusinessError,
    NotReached,
    OrderSystemError,
    PaymentDeclined,
)
from order_system.domain.ids import Key
from order_system.domain.messages import Charged
from order_system.domain.order import Order, PaymentReceipt
from order_system.domain.steps import Effect
from order_system.infra.temporal.conversion import data_converter
from tests.fixtures.shops.activity_calls import a_submission, payment_request, run_activity
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import an_order
from workflows.failures import in_words


class StolenCard(PaymentDeclined):
    """A provider's own word."""


class StoresItsNoes:
    """As Stripe does: what it has answered under a key, it repeats. It says what it is told to, in turn."""

    def __init__(self, *answers: OrderSystemError | None) -> None:
        self.answers = list(answers)
        self.stored: dict[str, OrderSystemError | None] = {}
        self.charges: list[str] = []

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        theirs = f"{key}:{key.round}"
        if theirs not in self.stored:
            answer = self.answers.pop(0)
            if answer is None or isinstance(answer, AnswerLost):
                self.charges.append(theirs)
            if isinstance(answer, AnswerLost):
                self.stored[theirs] = None
                raise answer
            self.stored[theirs] = answer
        if refusal := self.stored[theirs]:
            raise refusal
        return PaymentReceipt(charge_id=theirs, amount=amount, currency=currency)


def paying(parts: Parts, gateway: object) -> PaymentActivities:
    return PaymentActivities(parts.book, gateway, patience=6)  # pyright: ignore[reportArgumentType]


async def charged(payment: PaymentActivities, order: Order) -> PaymentReceipt:
    answer = await run_activity(payment.charge, payment_request(order))
    assert isinstance(answer, Charged)
    return answer.receipt


async def test_a_stored_no_is_decided_anew_in_the_next_round(parts: Parts) -> None:
    order, declined = an_order(), PaymentDeclined("no")
    provider = StoresItsNoes(declined, declined, None)
    payment = paying(parts, provider)
    for _ in range(2):
        with pytest.raises(PaymentDeclined):
            await charged(payment, order)
    receipt = await charged(payment, order)
    assert receipt.charge_id.endswith(":charge:2")
    assert len(provider.charges) == 1


async def test_the_round_stays_while_an_attempt_is_unanswered(parts: Parts) -> None:
    """The one whose answer was lost has charged. Asked under another key, the provider would do so again."""
    order = an_order()
    provider = StoresItsNoes(AnswerLost("cut off"))
    payment = paying(parts, provider)
    with pytest.raises(AnswerLost):
        await charged(payment, order)
    provider.stored = {key: PaymentDeclined("busy, says the front desk") for key in provider.stored}
    with pytest.raises(PaymentDeclined):
        await charged(payment, order)
    entry = (await parts.book.journal(a_submission(order)))[Effect.CHARGE]
    assert (entry.state, entry.unanswered, entry.round) == (EffectState.CLAIMED, 1, 0)
    provider.stored = dict.fromkeys(provider.stored)
    assert (await charged(payment, order)).charge_id.endswith(":charge:0")
    assert len(provider.charges) == 1


class Blacklisted(BusinessError):
    """A no for which we have no word."""


async def test_a_no_for_which_we_have_no_word_is_never_retried(parts: Parts) -> None:
    with pytest.raises(BusinessError, match="he again") as refused:
        await charged(paying(parts, StoresItsNoes(Blacklisted("he again"))), an_order())
    assert type(refused.value).__name__ in policy.EFFECT_RETRY.non_retryable_error_types


async def test_a_subclass_of_a_no_is_that_no_to_temporal(parts: Parts) -> None:
    with pytest.raises(PaymentDeclined, match="stolen") as refused:
        await charged(paying(parts, StoresItsNoes(StolenCard("stolen"))), an_order())
    assert type(refused.value) is PaymentDeclined
    assert isinstance(refused.value.__cause__, StolenCard)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [(30.0, timedelta(seconds=30)), (86_400.0, policy.RETRY_AFTER_AT_MOST), (-1.0, timedelta(0))],
)
async def test_it_is_left_alone_as_long_as_it_asks_for(parts: Parts, asked: float, kept: timedelta) -> None:
    order = an_order()
    provider = StoresItsNoes(NotReached("too many requests", retry_after=asked))
    with pytest.raises(ApplicationError, match="too many requests") as later:
        await charged(paying(parts, provider), order)
    assert (later.value.type, later.value.next_retry_delay) == ("NotReached", kept)
    entry = (await parts.book.journal(a_submission(order)))[Effect.CHARGE]
    assert (entry.unanswered, entry.round) == (0, 0), "certainly not carried out, and no no"


class TakesItForANo:
    """A client that says no when it was cut off, and one that breaks off."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cut_off:
            raise self.error("the client was closed") from cut_off
        raise AssertionError(f"{key} was answered")


@pytest.mark.parametrize("error", [PaymentDeclined, NotReached])
async def test_a_no_that_our_own_time_limit_has_made_is_no_answer(
    parts: Parts, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "GATEWAY_CALL", timedelta(milliseconds=50))
    order = an_order()
    with pytest.raises(AnswerLost, match="did not answer in time, and then said: the client was closed"):
        await charged(paying(parts, TakesItForANo(error)), order)
    entry = (await parts.book.journal(a_submission(order)))[Effect.CHARGE]
    assert (entry.unanswered, entry.round) == (1, 0), "it may have been charged"


def test_people_are_told_what_a_gateway_says_and_not_what_its_client_raised_inside() -> None:
    failure = Failure()
    try:
        try:
            raise ConnectionResetError("x" * 5_000)
        except ConnectionResetError as inner:
            raise NotReached("the bank does not answer") from inner
    except NotReached as told:
        gave_up = ApplicationError("gave up after 6 attempts", type=GAVE_UP)
        gave_up.__cause__ = told
        data_converter.failure_converter.to_failure(gave_up, data_converter.payload_converter, failure)
    assert failure.cause.message == "the bank does not answer"
    assert not failure.cause.HasField("cause")
    read = data_converter.failure_converter.from_failure(failure, data_converter.payload_converter)
    assert in_words(read) == "NotReached: the bank does not answer"

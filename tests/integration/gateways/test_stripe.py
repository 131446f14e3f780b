"""Payments by Stripe, one call at a time, against localstripe (tests/fixtures/peers)."""

import asyncio
import sys
import time

import pytest
from pydantic import SecretStr

from order_system.domain.errors import (
    AnswerLost,
    InvalidSettings,
    NotReached,
    PaymentDeclined,
    PaymentNotConfirmed,
    RefundRefused,
)
from order_system.domain.gateways import ChargeEntry, PaymentElsewhere
from order_system.domain.ids import Key
from order_system.domain.order import CapturedElsewhere, PaymentReceipt
from order_system.gateways.loading import open_gateways
from order_system.gateways.stripe.payments import StripePayments, StripeSettings, payments
from order_system.infra.database import Database
from order_system.infra.settings import load_settings
from tests.fixtures.peers.stripe import FakeStripe
from tests.fixtures.processes.forwarding import LOOPBACK, unused_port

GOOD, DECLINED, WANTS_CONFIRMATION = "pm_card_visa", "pm_card_chargeCustomerFail", "4000002500003155"


async def test_without_the_extra_one_line_names_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else opens without it, since only what was named is imported."""
    monkeypatch.setenv("ORDER_PAYMENTS_API_KEY", "sk_test_1")
    for module in [name for name in sys.modules if name.startswith("order_system.gateways.stripe.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(InvalidSettings, match=r"pip install -e '.\[stripe\]'"):
        async with open_gateways(load_settings(payments="stripe", faults="none"), database):
            raise AssertionError("it was opened")
    async with open_gateways(load_settings(faults="none"), database):
        pass


KEY = Key("ORDER-1:run:charge")


async def charge(
    stripe: StripePayments, key: Key = KEY, *, method: str = GOOD, amount: int = 105997, currency: str = "USD"
) -> PaymentReceipt:
    return await stripe.charge(key, amount=amount, currency=currency, payment_method=method)


async def test_a_payment_is_made_once_and_given_back_once(stripe: StripePayments, fake: FakeStripe) -> None:
    first = await charge(stripe)
    assert first == await charge(stripe)
    assert (first.charge_id[:3], first.amount, first.currency) == ("pi_", 105997, "USD")
    back = await stripe.refund(KEY, receipt=first)
    assert back is not None
    assert back == await stripe.refund(KEY, receipt=first) == await stripe.refund(KEY, receipt=None)
    assert [each["amount"] for each in await fake.all_of("refunds")] == [105997]
    assert (await stripe.statement()).charges == (ChargeEntry(KEY, 105997, 105997, "USD"),)


async def test_parts_are_given_back_once_each_and_never_more_than_was_paid(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    paid = await charge(stripe)

    async def part(number: int, amount: int) -> str:
        key = Key(f"ORDER-1:run:refund-{number}")
        return (await stripe.refund_part(key, charge_key=KEY, receipt=paid, amount=amount)).refund_id

    assert await part(1, 1000) == await part(1, 1000) != await part(2, 4997)
    with pytest.raises(RefundRefused, match="Stripe"):
        await part(3, 100001)
    await stripe.refund(KEY, receipt=paid)
    assert sorted(each["amount"] for each in await fake.all_of("refunds")) == [1000, 4997, 100000]


async def test_at_the_same_time_is_once(stripe: StripePayments, fake: FakeStripe) -> None:
    """Stripe refuses the second while the first is under way: nobody knows yet."""
    await fake.meets("slow")
    answers = await asyncio.gather(*(charge(stripe) for _ in range(4)), return_exceptions=True)
    assert {type(each) for each in answers} == {PaymentReceipt, AnswerLost}
    receipt = await charge(stripe)
    assert len(await fake.all_of("charges")) == 1
    await asyncio.gather(*(stripe.refund(KEY, receipt=receipt) for _ in range(4)), return_exceptions=True)
    await stripe.refund(KEY, receipt=receipt)
    assert [each["amount"] for each in await fake.all_of("refunds")] == [105997]


async def test_a_stored_decline_is_repeated_until_the_next_round(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    for _ in range(2):
        with pytest.raises(PaymentDeclined, match="Your card was declined"):
            await charge(stripe, method=DECLINED)
    assert len(await fake.all_of("charges")) == 1, "it was repeated, not made again"
    await fake.meets(search=True)
    await charge(stripe, Key(KEY, 1))
    assert await stripe.refund(KEY, receipt=None) is not None


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("fault", ["after", "stored 500"])
async def test_a_payment_whose_answer_was_lost_is_found(
    stripe: StripePayments, fake: FakeStripe, fault: str, indexed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever our own clock says: it may be an hour ahead of Stripe's."""
    ahead = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: ahead)
    await fake.meets(fault, search=indexed)
    if fault == "after":
        with pytest.raises(AnswerLost):
            await charge(stripe)
    assert (await charge(stripe)).amount == 105997
    assert len(await fake.all_of("charges")) == 1
    assert await stripe.refund(KEY, receipt=None) is not None
    assert [each["amount"] for each in await fake.all_of("refunds")] == [105997]


async def test_what_did_nothing_says_so(stripe: StripePayments, fake: FakeStripe) -> None:
    await fake.meets("too many")
    with pytest.raises(NotReached) as later:
        await charge(stripe)
    assert later.value.retry_after == 7
    nobody = StripeSettings(api_key=SecretStr("sk_test_1"), url=f"http://{LOOPBACK}:{unused_port()}")
    keyless = StripeSettings(api_key=SecretStr("no-secret-key"), url=fake.url)
    for settings in (nobody, keyless):
        async with payments(settings) as gateway:
            with pytest.raises(NotReached) as refused:
                await charge(gateway)
            assert "no-secret-key" not in str(refused.value)
    await fake.meets("before")
    with pytest.raises(AnswerLost):
        await charge(stripe)
    assert await stripe.refund(KEY, receipt=None) is None
    with pytest.raises(PaymentDeclined):
        await charge(stripe, method="pm_of_nobody")
    assert await fake.all_of("charges") == []


async def test_what_needs_the_customer_is_cancelled_before_it_is_declined(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    card = await fake.card(WANTS_CONFIRMATION)
    for _ in range(2):  # Stripe repeats the answer of before the cancel
        with pytest.raises(PaymentDeclined, match="customer has to confirm"):
            await charge(stripe, method=card)
    assert [each["status"] for each in await fake.all_of("payment_intents")] == ["canceled"]


async def test_an_undo_cancels_what_could_still_be_confirmed(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    await fake.meets("after")
    with pytest.raises(AnswerLost):
        await charge(stripe, method=await fake.card(WANTS_CONFIRMATION))
    assert await stripe.refund(KEY, receipt=None) is None
    assert [each["status"] for each in await fake.all_of("payment_intents")] == ["canceled"]


async def test_a_payment_that_the_customer_confirms_meanwhile_is_never_called_declined(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    await fake.meets("after")
    with pytest.raises(AnswerLost):
        await charge(stripe, method=await fake.card(WANTS_CONFIRMATION))
    [intent] = await fake.all_of("payment_intents")
    await fake.post(
        f"payment_intents/{intent['id']}/_authenticate", client_secret=intent["client_secret"], success="true"
    )
    assert (await charge(stripe, method=intent["payment_method"])).charge_id == intent["id"]


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [(500, "JPY", 500), (5, "ISK", 500), (5, "UGX", 500), (500, "MGA", 5), (5120, "KWD", 5120)],
)
async def test_amounts_are_told_as_stripe_counts_them(
    stripe: StripePayments, fake: FakeStripe, amount: int, currency: str, sent: int
) -> None:
    receipt = await charge(stripe, amount=amount, currency=currency)
    assert (receipt.amount, receipt.currency) == (amount, currency)
    found = await stripe.refund(KEY, receipt=None)
    assert found is not None
    assert (found.amount, found.currency) == (amount, currency)
    for each in (*await fake.all_of("charges"), *await fake.all_of("refunds")):
        assert (each["amount"], each["currency"]) == (sent, currency.lower())


@pytest.mark.parametrize(("amount", "currency"), [(5124, "KWD"), (501, "MGA")])
async def test_an_amount_that_stripe_cannot_express_is_declined(
    stripe: StripePayments, fake: FakeStripe, amount: int, currency: str
) -> None:
    with pytest.raises(PaymentDeclined, match="Stripe takes multiples of"):
        await charge(stripe, amount=amount, currency=currency)
    assert await fake.all_of("payment_intents") == []


async def test_a_payment_of_another_amount_is_no_receipt(stripe: StripePayments) -> None:
    await charge(stripe)
    with pytest.raises(AnswerLost, match="took 105997 usd instead of 1 usd"):
        await charge(stripe, amount=1)


async def test_what_the_dashboard_gave_back_is_not_given_back_again(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    receipt = await charge(stripe)
    await fake.post("refunds", payment_intent=receipt.charge_id, amount=100000)
    assert await stripe.refund(KEY, receipt=receipt) is not None
    assert sorted(each["amount"] for each in await fake.all_of("refunds")) == [5997, 100000]


async def test_a_payment_made_elsewhere_is_found_and_an_order_gives_its_part_back(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    paid = await charge(stripe, Key("shop:run:charge"), amount=1000)
    [made] = await fake.all_of("charges")

    async def find(reference: str) -> PaymentElsewhere | None:
        return await stripe.find_payment(KEY, reference=reference, amount=400, currency="USD")

    assert await find("cash") is None
    for reference in (paid.charge_id, made["id"]):
        assert await find(reference) == PaymentElsewhere(reference, 1000, "USD", 0)
    with pytest.raises(PaymentNotConfirmed):
        await find("pi_of_nobody")
    with pytest.raises(PaymentDeclined):
        await charge(stripe, Key("no:run:charge"), method=DECLINED)
    with pytest.raises(PaymentNotConfirmed):
        await find((await fake.all_of("payment_intents"))[-1]["id"])

    elsewhere = CapturedElsewhere.CONFIRMED
    for key, reference in ((KEY, paid.charge_id), (Key("ORDER-2:run:charge"), made["id"])):
        part = PaymentReceipt(charge_id=reference, amount=400, currency="USD", captured_elsewhere=elsewhere)
        first = await stripe.refund(key, receipt=part)
        assert first is not None
        assert first == await stripe.refund(key, receipt=part)
    assert [each["amount"] for each in await fake.all_of("refunds")] == [400, 400]
    assert await find(made["id"]) == PaymentElsewhere(made["id"], 1000, "USD", 800)

"""What no fake shows: the Stripe gateway against Stripe's own test mode, with a test key of yours.

.venv/bin/pip install -e '.[stripe]'
export ORDER_PAYMENTS_API_KEY=sk_test_...
.venv/bin/python examples/stripe_test_mode.py
"""

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import stripe as library

from order_system.domain.errors import PaymentDeclined, PaymentNotConfirmed
from order_system.domain.gateways import ChargeEntry, NotCaptured
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt
from order_system.gateways.stripe.payments import StripePayments, StripeSettings, payments
from order_system.infra.environment import load_own_settings

broken: list[str] = []


def shown(promise: str, kept: bool) -> None:
    if not kept:
        broken.append(promise)
    print(f"{'kept  ' if kept else 'BROKEN'}  {promise}")


async def refused(call: Awaitable[PaymentReceipt]) -> bool:
    try:
        await call
    except PaymentDeclined as no:
        print(f"        {no}")
        return True
    return False


async def play(stripe: StripePayments) -> None:
    run = uuid.uuid4()
    paid, again, asks = (Key(f"TEST-{n}:{run}:charge") for n in (1, 2, 3))

    async def charge(key: Key, method: str) -> PaymentReceipt:
        return await stripe.charge(key, amount=1234, currency="USD", payment_method=method)

    first, second = await charge(paid, "pm_card_visa"), await charge(paid, "pm_card_visa")
    shown("the same key twice is one payment", first == second)
    found = await stripe.find_payment(paid, reference=first.charge_id, amount=1234, currency="USD")
    shown("a payment is found by its ID", found is not None and (found.amount, found.refunded) == (1234, 0))
    back = await stripe.refund(paid, receipt=None)
    shown("it is found by its key at once, and given back", back is not None and back.amount == 1234)
    shown("the second refund is the first one", back == await stripe.refund(paid, receipt=first))

    card = "pm_card_visa_chargeDeclined"
    no = [await refused(charge(again, card)), await refused(charge(again, card))]
    shown("a declined card is declined, also when asked again", all(no))
    anew = await stripe.charge(Key(again, 1), amount=500, currency="JPY", payment_method="pm_card_visa")
    shown("in the next round it is decided anew, in yen", anew.amount == 500)
    back = await stripe.refund(again, receipt=anew)
    shown("yen are given back", back is not None and back.amount == 500)

    await hold(stripe, *(Key(f"TEST-{n}:{run}:charge") for n in (4, 5, 6)))

    no = [await refused(charge(asks, "pm_card_authenticationRequired")) for _ in range(2)]
    shown("what the customer would have to confirm is declined", all(no))
    shown(
        "and cancelled, so that there is nothing to give back",
        await stripe.refund(asks, receipt=None) is None,
    )


async def hold(stripe: StripePayments, taken: Key, voided: Key, never: Key) -> None:
    async def authorise(key: Key) -> PaymentReceipt:
        return await stripe.authorise(key, amount=1234, currency="USD", payment_method="pm_card_visa")

    receipt = await authorise(taken)
    captures = [Key(f"{taken}-capture")] * 2
    first, second = [await stripe.capture(key, charge_key=taken, receipt=receipt) for key in captures]
    shown("what is held is captured once", first == second)
    shown("a void of it says that it is captured", await stripe.void(taken, receipt=receipt) == first)
    shown("a capture is given back", await stripe.refund(taken, receipt=first) is not None)
    receipt = await authorise(voided)
    shown(
        "what is held is voided", await stripe.void(voided, receipt=receipt) == NotCaptured(authorised=True)
    )
    late = stripe.capture(Key(f"{voided}-capture"), charge_key=voided, receipt=receipt)
    shown("a capture after its void is refused", await refused(late))
    shown("so is another authorisation", await refused(authorise(voided)))
    void = await stripe.void(never, receipt=None)
    shown("a void of nothing finds nothing", void == NotCaptured(authorised=False))
    shown("an authorisation after its void is refused", await refused(authorise(never)))
    told = {each.key: each for each in (await stripe.statement()).charges or ()}
    shown("the statement has what was captured", told.get(taken) == ChargeEntry(taken, 1234, 1234, "USD"))
    shown("and not what was held", voided not in told and never not in told)


async def take_over(stripe: StripePayments, client: library.StripeClient) -> None:
    """What a checkout has authorised: made here without a key of ours."""
    run = uuid.uuid4()
    keys = [Key(f"TEST-{n}:{run}:charge") for n in (7, 8)]
    params: Any = {
        "amount": 1234,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "payment_method_types": ["card"],
        "capture_method": "manual",
        "confirm": True,
    }
    held = await client.v1.payment_intents.create_async(params)
    both = (stripe.take_over(key, reference=held.id, amount=1234, currency="USD") for key in keys)
    answers = await asyncio.gather(*both, return_exceptions=True)
    kinds = {type(each) for each in answers}
    shown("of two orders at once, one takes it over", kinds == {PaymentReceipt, PaymentNotConfirmed})
    won = keys[[type(each) for each in answers].index(PaymentReceipt)]
    again = await stripe.take_over(won, reference=held.id, amount=1234, currency="USD")
    shown("the same key may ask again", again.charge_id == held.id)
    void = await stripe.void(won, receipt=again)
    shown("it is voided", void == NotCaptured(authorised=True))


async def main() -> None:
    settings = load_own_settings(StripeSettings, "ORDER_PAYMENTS_")
    if "_test_" not in settings.api_key.get_secret_value():
        raise SystemExit("ORDER_PAYMENTS_API_KEY is no test key: this script takes payments")
    async with payments(settings) as stripe:
        await play(stripe)
        await take_over(stripe, library.StripeClient(settings.api_key.get_secret_value()))
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    asyncio.run(main())

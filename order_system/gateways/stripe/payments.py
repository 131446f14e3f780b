"""What `ORDER_PAYMENTS=stripe` names: Stripe's PaymentIntents as a payment gateway."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import stripe
from pydantic import BaseModel, Field, SecretStr
from stripe.params import PaymentIntentCreateParams

from order_system.domain.errors import AnswerLost, PaymentDeclined, PaymentNotConfirmed
from order_system.domain.gateways import ChargeEntry, PaymentElsewhere
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt, RefundReceipt
from order_system.gateways.stripe import policy
from order_system.gateways.stripe.amounts import from_stripe, to_stripe
from order_system.gateways.stripe.failures import as_ours, finding_out

KEY, ROUND = "order_key", "order_round"
"""Metadata of every payment of ours; its refund has the key, too."""

_PAGE = 100


class StripeSettings(BaseModel):
    """Read from ORDER_PAYMENTS_API_KEY and ORDER_PAYMENTS_URL."""

    api_key: SecretStr = Field(
        description="a secret or restricted API key of your Stripe account, sk_... or rk_..."
    )
    url: str = Field("https://api.stripe.com", pattern="^https?://", description="where Stripe's API is")


@asynccontextmanager
async def payments(settings: StripeSettings) -> AsyncGenerator["StripePayments"]:
    """One client for each process. It never tries again by itself: our own attempts do, and are counted."""
    connect, answer = policy.CONNECT.total_seconds(), policy.ANSWER.total_seconds()
    http = stripe.HTTPXClient(timeout=httpx.Timeout(answer, connect=connect))
    try:
        yield StripePayments(
            stripe.StripeClient(
                settings.api_key.get_secret_value(),
                http_client=http,
                base_addresses={"api": settings.url.rstrip("/")},
                max_network_retries=0,
            )
        )
    finally:
        await http.close_async()


class StripePayments:
    """Implements `domain.gateways.PaymentGateway` and `PaymentsElsewhere`.

    Stripe repeats its first answer under an `Idempotency-Key`, even a no: so that has the round in it. Stripe
    forgets it after a day: so a charge begins with a search. A refund goes by the ID that the book has; where
    no answer ever came, by a search of the metadata and the list of what is too new for that."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._intents = client.v1.payment_intents
        self._charges = client.v1.charges
        self._refunds = client.v1.refunds

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Cards only, captured at once. What the customer would have to confirm is cancelled, since nobody is
        there to do so; only once Stripe has confirmed the cancel is it declined."""
        asked = to_stripe(amount, currency)
        intent = await self._found_or_created(
            key,
            {
                "amount": asked,
                "currency": currency.lower(),
                "payment_method": payment_method,
                "payment_method_types": ["card"],
                "capture_method": "automatic",
                "confirm": True,
                "metadata": {KEY: key, ROUND: str(key.round)},
            },
        )
        if intent.status != "succeeded":
            intent = await self._ended(intent.id)
        if intent.status != "succeeded":
            failed = intent.last_payment_error
            raise PaymentDeclined(f"Stripe: {failed.message if failed else 'the customer has to confirm it'}")
        if (intent.amount, intent.currency) != (asked, currency.lower()):
            took = f"{intent.amount} {intent.currency} instead of {asked} {currency.lower()}"
            raise AnswerLost(f"Stripe took {took}: {intent.id}")
        return PaymentReceipt(charge_id=intent.id, amount=amount, currency=currency)

    async def _found_or_created(self, key: Key, params: PaymentIntentCreateParams) -> stripe.PaymentIntent:
        """A stored 500 is repeated, whatever was done before it: then the payment is looked up."""
        try:
            if known := _of_round(await self._search(key) or [], key):
                return known
            return await self._intents.create_async(params, {"idempotency_key": f"{key}:{key.round}"})
        except stripe.StripeError as failure:
            stored = (failure.http_status or 0) >= 500
            found = _of_round(await self._look_up(key), key) if stored else None
            if found is None:
                raise as_ours(failure) from failure
            return found

    async def _ended(self, intent_id: str) -> stripe.PaymentIntent:
        """As it is now, since a repeated answer is as old as the first. What waits for anything is cancelled,
        so that nobody can pay it any more. Raises AnswerLost if that is not certain."""
        with finding_out():
            intent = await self._intents.retrieve_async(intent_id)
            if intent.status.startswith("requires_"):
                intent = await self._intents.cancel_async(intent_id)
        if intent.status not in ("succeeded", "canceled"):
            raise AnswerLost(f"Stripe: the payment {intent_id} is {intent.status}")
        return intent

    async def _search(self, key: str) -> list[stripe.PaymentIntent] | None:
        """None where Stripe has no search, as in India."""
        query = f"metadata['{KEY}']:'{key}'"
        try:
            return (await self._intents.search_async({"query": query, "limit": _PAGE})).data
        except stripe.InvalidRequestError:
            return None

    async def _look_up(self, key: str) -> list[stripe.PaymentIntent]:
        """Of every round. Without a search the list is read to its end, newest first."""
        with finding_out():
            found = await self._search(key)
            if found and any(intent.status == "succeeded" for intent in found):
                return found
            since = 0 if found is None else time.time() - policy.SEARCH_IS_LATE.total_seconds()
            by_id = {intent.id: intent for intent in found or ()}
            async for intent in (await self._intents.list_async({"limit": _PAGE})).auto_paging_iter():
                if intent.created < since:
                    break
                if _told(intent, KEY) == key:
                    by_id[intent.id] = intent
        return list(by_id.values())

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Of a charge of ours: what is left, if a part was given back in Stripe's dashboard, say."""
        receipt = receipt or await self._receipt(charge_key)
        if receipt is None:
            return None
        paid, part = receipt.charge_id, receipt.captured_elsewhere is not None
        of: dict[str, Any] = {"payment_intent" if paid.startswith("pi_") else "charge": paid}
        with finding_out():
            listed: Any = {**of, "limit": _PAGE}
            known = (await self._refunds.list_async(listed)).data
            made = [each for each in known if each.status not in ("failed", "canceled")]
            failed = len(known) - len(made)
            made = [each for each in made if not part or _told(each, KEY) == charge_key]
            left = to_stripe(receipt.amount, receipt.currency) - sum(each.amount for each in made)
            if left > 0:
                params: Any = {**of, "amount": left, "metadata": {KEY: charge_key}}
                again = f"{charge_key}:refund:{left}:{failed}"
                try:
                    made = [await self._refunds.create_async(params, {"idempotency_key": again})]
                except stripe.InvalidRequestError:  # it has no such payment, or not as much left of it
                    if part:
                        return None
                    raise
        if left > 0 and (made[0].amount != left or made[0].status in ("failed", "canceled")):
            raise AnswerLost(f"Stripe: the refund {made[0].id} of {made[0].amount} is {made[0].status}")
        return RefundReceipt(refund_id=made[0].id, amount=receipt.amount, currency=receipt.currency)

    async def _receipt(self, charge_key: str) -> PaymentReceipt | None:
        """Of a charge whose answer never came. What has not been paid yet cannot be any more."""
        for found in await self._look_up(charge_key):
            intent = await self._ended(found.id)
            if intent.status == "succeeded":
                currency = intent.currency.upper()
                amount = from_stripe(intent.amount, currency)
                return PaymentReceipt(charge_id=intent.id, amount=amount, currency=currency)
        return None

    async def find_payment(
        self, key: str, *, reference: str, amount: int, currency: str
    ) -> PaymentElsewhere | None:
        """Of `pi_...` and `ch_...`."""
        if not re.fullmatch(r"(pi|ch)_\w+", reference, re.ASCII):
            return None
        try:
            if reference.startswith("ch_"):
                charge = await self._charges.retrieve_async(reference)
            else:
                charge = _latest(await self._intents.retrieve_async(reference, {"expand": ["latest_charge"]}))
        except stripe.StripeError as failure:
            if failure.http_status == 404:
                raise PaymentNotConfirmed(f"Stripe has no payment {reference}") from failure
            raise as_ours(failure) from failure
        if charge is None or charge.status != "succeeded" or not charge.captured:
            raise PaymentNotConfirmed(f"Stripe has not captured the payment {reference}")
        paid_in = charge.currency.upper()
        paid, back = (from_stripe(each, paid_in) for each in (charge.amount, charge.amount_refunded))
        return PaymentElsewhere(reference, paid, paid_in, back)

    async def charge_entries(self) -> tuple[ChargeEntry, ...]:
        """For a statement of accounts of yours. Reads the list of all payments of the account."""
        entries: list[ChargeEntry] = []
        listed = await self._intents.list_async({"limit": _PAGE, "expand": ["data.latest_charge"]})
        async for intent in listed.auto_paging_iter():
            key, charge = _told(intent, KEY), _latest(intent)
            if key and charge and intent.status == "succeeded":
                amounts = (charge.amount, charge.amount_refunded)
                entries.append(
                    ChargeEntry(key, *(from_stripe(each, charge.currency.upper()) for each in amounts))
                )
        return tuple(entries)


def _told(found: stripe.PaymentIntent | stripe.Refund, name: str) -> str | None:
    return found.metadata[name] if found.metadata and name in found.metadata else None


def _of_round(found: list[stripe.PaymentIntent], key: Key) -> stripe.PaymentIntent | None:
    """Those of earlier rounds have ended in a no."""
    return next((each for each in found if _told(each, ROUND) == str(key.round)), None)


def _latest(intent: stripe.PaymentIntent) -> stripe.Charge | None:
    charge = intent.latest_charge
    return None if isinstance(charge, str) else charge

"""The payment gateway of `ORDER_PAYMENTS=stripe`: it uses Stripe's PaymentIntents."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import stripe
from pydantic import BaseModel, Field, SecretStr

from order_system.domain import gateways
from order_system.domain.errors import AnswerLost, PaymentNotConfirmed, RefundRefused
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt, RefundReceipt
from order_system.gateways import policy
from order_system.gateways.stripe import intents
from order_system.gateways.stripe.failures import as_ours, finding_out, looking_up
from order_system.infra.environment import WebUrl

_ENDED = {"succeeded": "captured", "canceled": "voided"}
"""The state of an authorisation that no longer holds money, by Stripe's status."""
_NO_REFUND = ("failed", "canceled")
"""Stripe's statuses of a refund that gives nothing back."""


class StripeSettings(BaseModel):
    """Read from ORDER_PAYMENTS_API_KEY and ORDER_PAYMENTS_URL; for the statement, from ORDER_STATEMENT_..."""

    api_key: SecretStr = Field(
        description="a secret or restricted API key of your Stripe account, sk_... or rk_..."
    )
    url: WebUrl = Field("https://api.stripe.com", description="where Stripe's API is")


@asynccontextmanager
async def payments(settings: StripeSettings) -> AsyncGenerator["StripePayments"]:
    """Open one client for the process. It never retries by itself: our own attempts do, and are counted."""
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


statement = payments


class StripePayments:
    """Implements `domain.gateways.PaymentGateway`, all its optional methods, and `StatementOfAccounts`.

    Stripe repeats its first answer under an `Idempotency-Key`, even a no: so our key contains the round.
    Stripe forgets it after a day: so a charge begins with a search. A refund uses the ID that the book has.
    If no answer ever came, it searches the metadata, and lists payments that are too new for the search."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._intents = intents.Intents(client)
        self._api = client.v1.payment_intents
        self._charges = client.v1.charges
        self._refunds = client.v1.refunds

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Charge a card, and capture at once. A payment that the customer must confirm is cancelled, since no
        customer is there. It is declined only once Stripe has confirmed the cancel."""
        intent = await self._intents.paid(key, amount, currency, payment_method, "automatic")
        if intent.status != "succeeded":
            intent = await self._intents.ended(intent.id)
        return intents.receipt_of(intent, amount, currency)

    async def authorise(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Hold money by manual capture. The bank usually holds it for a week."""
        intent = await self._intents.paid(key, amount, currency, payment_method, "manual")
        with finding_out():  # it may have been voided since
            intent = await self._api.retrieve_async(intent.id)
        if intent.status not in (intents.HELD, "succeeded"):
            intent = await self._intents.ended(intent.id)
        return intents.receipt_of(intent, amount, currency)

    async def take_over(self, key: Key, *, reference: str, amount: int, currency: str) -> PaymentReceipt:
        """Take over `pi_...`, which was made with manual capture."""
        with looking_up(reference):
            intent = await self._api.retrieve_async(reference)
        receipt = intents.receipt_of_claim(intent, key, amount, currency)
        if intents.metadata_of(intent, intents.ROUND) is None:
            await self._intents.claim(intent, key)
        return receipt

    async def capture(self, key: Key, *, charge_key: str, receipt: PaymentReceipt) -> PaymentReceipt:
        """Capture by the ID in the receipt. An authorisation that Stripe itself cancelled has expired."""
        paid = receipt.charge_id
        try:
            intent = await self._api.retrieve_async(paid)
            if intent.status == intents.HELD:
                try:
                    intent = await self._api.capture_async(paid, options=intents.once(key))
                except stripe.InvalidRequestError:  # it was captured or voided since, or has expired
                    intent = await self._api.retrieve_async(paid)
        except stripe.StripeError as failure:
            raise as_ours(failure) from failure
        if intent.status not in ("succeeded", "canceled"):
            raise AnswerLost(f"Stripe: the payment {paid} is {intent.status}")
        return intents.receipt_of(intent, receipt.amount, receipt.currency)

    async def void(
        self, charge_key: Key, *, receipt: PaymentReceipt | None
    ) -> gateways.NotCaptured | PaymentReceipt:
        """Cancel the payment. If there is none yet, a stand-in takes the idempotency key, so that Stripe
        refuses a later authorisation. The stand-in is cancelled, too, for a search that comes late."""
        if receipt:
            ended = [await self._intents.ended(receipt.charge_id)]
        elif not intents.of_round(ended := await self._intents.all_ended(charge_key), charge_key):
            ended.append(await self._intents.ended(await self._intents.taken(charge_key)))
        held = any(each.latest_charge and not each.last_payment_error for each in ended)
        return intents.receipt_among(ended) or gateways.NotCaptured(authorised=held)

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Refund a charge: of ours, all that is left, since Stripe's dashboard may have refunded a part."""
        receipt = receipt or intents.receipt_among(await self._intents.all_ended(charge_key))
        if receipt is None:
            return None
        part = receipt.captured_elsewhere is not None
        with finding_out():
            known = await self._refunds_of(receipt)
            made = [each for each in known if each.status not in _NO_REFUND]
            failed = len(known) - len(made)
            made = [each for each in made if not part or intents.metadata_of(each, intents.KEY) == charge_key]
            left = intents.to_stripe(receipt.amount, receipt.currency) - sum(each.amount for each in made)
            if left > 0:
                try:
                    made = [await self._give_back(receipt, left, charge_key, f":refund:{left}:{failed}")]
                except stripe.InvalidRequestError:
                    if part:
                        return None
                    raise
        if left > 0 and (made[0].amount != left or made[0].status in _NO_REFUND):
            raise AnswerLost(f"Stripe: the refund {made[0].id} of {made[0].amount} is {made[0].status}")
        return RefundReceipt(refund_id=made[0].id, amount=receipt.amount, currency=receipt.currency)

    async def refund_part(
        self, key: Key, *, charge_key: str, receipt: PaymentReceipt, amount: int
    ) -> RefundReceipt:
        """Refund a part. Begins with the list of refunds: Stripe forgets an `Idempotency-Key` after a day."""
        wanted = intents.to_stripe(amount, receipt.currency)
        with finding_out():
            known = await self._refunds_of(receipt)
            made = next((each for each in known if intents.metadata_of(each, intents.KEY) == key), None)
            try:
                made = made or await self._give_back(receipt, wanted, key)
            except stripe.InvalidRequestError as no:
                raise RefundRefused(f"Stripe: {no.user_message}") from no
        if made.status in _NO_REFUND:
            raise RefundRefused(f"Stripe: the refund {made.id} is {made.status}")
        if made.amount != wanted:
            raise AnswerLost(f"Stripe: the refund {made.id} is of {made.amount} instead of {wanted}")
        return RefundReceipt(refund_id=made.id, amount=amount, currency=receipt.currency)

    async def _refunds_of(self, receipt: PaymentReceipt) -> list[stripe.Refund]:
        listed: Any = {**_payment_of(receipt), "limit": intents.PAGE}
        return (await self._refunds.list_async(listed)).data

    async def _give_back(
        self, receipt: PaymentReceipt, amount: int, key: str, what: str = ""
    ) -> stripe.Refund:
        """Refund `amount` in Stripe's units. The same `key` and `what` give the same refund again. Raises
        InvalidRequestError if Stripe has no such payment, or less is left of it."""
        params: Any = {**_payment_of(receipt), "amount": amount, "metadata": {intents.KEY: key}}
        return await self._refunds.create_async(params, {"idempotency_key": f"{key}{what}"})

    async def find_payment(
        self, key: str, *, reference: str, amount: int, currency: str
    ) -> gateways.PaymentElsewhere | None:
        """Look up `pi_...` or `ch_...`."""
        if not re.fullmatch(r"(pi|ch)_\w+", reference, re.ASCII):
            return None
        with looking_up(reference):
            if reference.startswith("ch_"):
                charge = await self._charges.retrieve_async(reference)
            else:
                intent = await self._api.retrieve_async(reference, {"expand": ["latest_charge"]})
                charge = intent.latest_charge
        if not isinstance(charge, stripe.Charge) or charge.status != "succeeded" or not charge.captured:
            raise PaymentNotConfirmed(f"Stripe has not captured the payment {reference}")
        return intents.as_elsewhere(reference, charge.to_dict())

    async def statement(self) -> gateways.Statement:
        """Return the payments only, from the list of the whole account. Ours have the key in their metadata.
        The others are not our charges, but an order may say that it is paid by one, by either ID."""
        ours, others = list[gateways.ChargeEntry](), list[gateways.PaymentElsewhere]()
        authorised = list[gateways.AuthorisationEntry]()
        async for key, intent in self._intents.all_listed(expand=["data.latest_charge"]):
            charge = intent["latest_charge"]
            if charge is None or charge["status"] != "succeeded":
                continue
            if key and intent["capture_method"] == "manual":
                authorised.append(gateways.AuthorisationEntry(key, _ENDED.get(intent["status"], "held")))
            found = [
                intents.as_elsewhere(each["id"], charge) for each in (intent, charge) if charge["captured"]
            ]
            if not key:
                others += found
            elif found:
                ours.append(gateways.ChargeEntry(key, found[0].amount, found[0].refunded, found[0].currency))
        return gateways.Statement(tuple(ours), authorisations=tuple(authorised), payments=tuple(others))


def _payment_of(receipt: PaymentReceipt) -> dict[str, Any]:
    paid = receipt.charge_id
    return {"payment_intent" if paid.startswith("pi_") else "charge": paid}

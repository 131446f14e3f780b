"""Makes Stripe's PaymentIntents, each once for a key of ours, finds them again, and ends them."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

import stripe
from stripe.params import PaymentIntentCreateParams

from order_system.domain.errors import AnswerLost, PaymentDeclined, PaymentNotConfirmed
from order_system.domain.gateways import PaymentElsewhere
from order_system.domain.ids import Key
from order_system.domain.money import decimals, format_amount
from order_system.domain.order import PaymentReceipt
from order_system.gateways import policy
from order_system.gateways.stripe.failures import as_ours, finding_out, key_is_taken

KEY, ROUND = "order_key", "order_round"
"""The metadata of each of our payments. A refund has the key, too."""

HELD = "requires_capture"
PAGE = 100


class Intents:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._client: Any = client  # its own types do not cover all that is used here
        self._intents = client.v1.payment_intents

    async def paid(
        self, key: Key, amount: int, currency: str, method: str, capture: Literal["automatic", "manual"]
    ) -> stripe.PaymentIntent:
        """Find the payment, or else make it. Stripe repeats a stored 500, even if it made the payment: then
        look the payment up. Do the same if a void has taken the idempotency key."""
        params: PaymentIntentCreateParams = {
            "amount": to_stripe(amount, currency),
            "currency": currency.lower(),
            "payment_method": method,
            "payment_method_types": ["card"],
            "capture_method": capture,
            "confirm": True,
            "metadata": {KEY: key, ROUND: str(key.round)},
        }
        try:
            if known := of_round(await self._search(key) or [], key):
                return known
            return await self._intents.create_async(params, once(key))
        except stripe.StripeError as failure:
            stored = key_is_taken(failure) or (failure.http_status or 0) >= 500
            found = of_round(await self._look_up(key), key) if stored else None
            if found is None:
                raise as_ours(failure) from failure
            return found

    async def claim(self, held: stripe.PaymentIntent, key: Key) -> None:
        """Give an authorisation made elsewhere to this key alone. Stripe refuses other metadata under the
        same idempotency key; once it has forgotten that, the metadata name the owner. Then take the
        idempotency key of the round. If a void of nothing has it, the authorisation is left as it was.

        Raises PaymentNotConfirmed."""
        claimed, update = metadata_of(held, KEY) is not None, self._intents.update_async
        with finding_out():
            try:
                if not claimed:
                    await update(held.id, {"metadata": {KEY: key}}, {"idempotency_key": f"{held.id}:claim"})
                    claimed = True
                await update(held.id, {"metadata": {ROUND: str(key.round)}}, once(key))
            except stripe.IdempotencyError as failure:
                if not key_is_taken(failure):
                    raise
                if claimed:
                    await update(held.id, {"metadata": {KEY: ""}})
                why = "was voided for this order" if claimed else "is taken already"
                raise PaymentNotConfirmed(f"Stripe: {held.id} {why}") from failure

    async def taken(self, key: Key) -> str:
        """Make a stand-in for a payment that must not come; return its ID. AnswerLost if the payment came."""
        metadata: dict[str, str] = {KEY: key, ROUND: str(key.round)}
        params: PaymentIntentCreateParams = {"amount": 100, "currency": "usd", "metadata": metadata}
        with finding_out():
            return (await self._intents.create_async(params, once(key))).id

    async def ended(self, intent_id: str) -> stripe.PaymentIntent:
        """Return the payment as it is now: a repeated answer may be old. A payment that waits for anything is
        cancelled, so nobody can pay it any more. Raises AnswerLost if that is not certain."""
        with finding_out():
            intent = await self._intents.retrieve_async(intent_id)
            if intent.status.startswith("requires_"):
                intent = await self._intents.cancel_async(intent_id)
        if intent.status not in ("succeeded", "canceled"):
            raise AnswerLost(f"Stripe: the payment {intent_id} is {intent.status}")
        return intent

    async def all_ended(self, key: str) -> list[stripe.PaymentIntent]:
        """End the payments of every round. Those that are not paid yet cannot be paid any more."""
        return [await self.ended(each.id) for each in await self._look_up(key)]

    async def _search(self, key: str) -> list[stripe.PaymentIntent] | None:
        """Search for the payments of the key. None where Stripe has no search, as in India."""
        query = f"metadata['{KEY}']:'{key}'"
        try:
            return (await self._intents.search_async({"query": query, "limit": PAGE})).data
        except stripe.InvalidRequestError:
            return None

    async def _look_up(self, key: str) -> list[stripe.PaymentIntent]:
        """Find the payments of every round. Without a search, the list is read to its end, newest first."""
        with finding_out():
            found = await self._search(key)
            if found and any(intent.status == "succeeded" for intent in found):
                return found
            by_id = {intent.id: intent for intent in found or ()}
            late, newest = policy.SEARCH_IS_LATE.total_seconds(), 0.0
            async for whose, listed in self.all_listed():
                newest = newest or float(listed["created"])  # by Stripe's clock: ours may be ahead
                if found is not None and listed["created"] < newest - late:
                    break
                if whose == key:
                    by_id[listed["id"]] = self._client.deserialize(listed, api_mode="V1")
        return list(by_id.values())

    async def all_listed(self, **more: Any) -> AsyncGenerator[tuple[str | None, dict[str, Any]]]:
        """Yield all payments of the account, newest first, each with its key. They are JSON: Stripe's library
        takes several times as long to make objects of a list as to fetch it."""
        has_more = True
        while has_more:
            answer = await self._client.raw_request_async("get", "/v1/payment_intents", limit=PAGE, **more)
            page: dict[str, Any] = answer.data
            for listed in page["data"]:
                metadata: dict[str, str] = listed["metadata"] or {}
                yield metadata.get(KEY), listed
                more["starting_after"] = listed["id"]
            has_more = page["has_more"]


def once(key: Key) -> stripe.RequestOptions:
    return {"idempotency_key": f"{key}:{key.round}"}


def receipt_among(ended: list[stripe.PaymentIntent]) -> PaymentReceipt | None:
    """Return the receipt of the payment that was paid, if any."""
    for intent in ended:
        if intent.status == "succeeded":
            currency = intent.currency.upper()
            amount = _from_stripe(intent.amount, currency)
            return PaymentReceipt(charge_id=intent.id, amount=amount, currency=currency)
    return None


def as_elsewhere(reference: str, charge: Mapping[str, Any]) -> PaymentElsewhere:
    currency = charge["currency"].upper()
    paid, back = (_from_stripe(charge[each], currency) for each in ("amount", "amount_refunded"))
    return PaymentElsewhere(reference, paid, currency, back)


def receipt_of_claim(intent: stripe.PaymentIntent, key: Key, amount: int, currency: str) -> PaymentReceipt:
    """Return the receipt. PaymentNotConfirmed unless it holds, or took, this amount, for no other key."""
    theirs = intent.currency.upper()
    paid = _from_stripe(intent.amount, theirs)
    match intent.status, metadata_of(intent, KEY):
        case _, str(owner) if owner != key:
            why = "is taken already"
        case "canceled", _:
            why = _ended_without(intent)
        case "succeeded", None:
            why = f"is captured already: say paid:{intent.id}"
        case (("requires_capture" | "succeeded"), _):
            if (paid, theirs) == (amount, currency) and to_stripe(paid, theirs) == intent.amount:
                return PaymentReceipt(charge_id=intent.id, amount=amount, currency=currency)
            held, owed = format_amount(paid, theirs), format_amount(amount, currency)
            why = f"is of {held}, and the order comes to {owed}"
        case status, _:
            why = f"holds nothing: it is {status}"
    raise PaymentNotConfirmed(f"Stripe: {intent.id} {why}")


def _ended_without(intent: stripe.PaymentIntent) -> str:
    """Return why an authorisation was cancelled. Stripe itself cancels it when its time is up."""
    expired = getattr(intent, "cancellation_reason", None) == "automatic"
    return "has expired" if expired else "was voided"


def receipt_of(intent: stripe.PaymentIntent, amount: int, currency: str) -> PaymentReceipt:
    """Return the receipt. Raises PaymentDeclined if it was cancelled, AnswerLost if the amount differs."""
    if intent.status == "canceled":
        if failed := intent.last_payment_error:
            raise PaymentDeclined(f"Stripe: {failed.message}")
        if intent.payment_method and not intent.latest_charge:
            raise PaymentDeclined("Stripe: the customer has to confirm it")
        raise PaymentDeclined(f"Stripe: the authorisation {_ended_without(intent)}")
    asked = (to_stripe(amount, currency), currency.lower())
    if (took := (intent.amount, intent.currency)) != asked:
        raise AnswerLost("Stripe took {} {} instead of {} {}: {}".format(*took, *asked, intent.id))
    return PaymentReceipt(charge_id=intent.id, amount=amount, currency=currency)


def metadata_of(found: stripe.PaymentIntent | stripe.Refund, name: str) -> str | None:
    return found.metadata[name] if found.metadata and name in found.metadata else None


def of_round(found: list[stripe.PaymentIntent], key: Key) -> stripe.PaymentIntent | None:
    """Return the payment of this round; earlier rounds ended in a no. A payment only claimed has no round."""
    return next((each for each in found if metadata_of(each, ROUND) in (None, str(key.round))), None)


# --- amounts in Stripe's units --------------------------------------------------------------------

_STRIPE_DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe does not follow ISO 4217: it keeps the decimals of ISK and UGX, which ISO has dropped, and
counts whole ariary, not fifths."""


def to_stripe(amount: int, currency: str) -> int:
    """Convert our minor units to Stripe's. Raises PaymentDeclined for an amount that Stripe cannot express:
    it takes only two decimals of a currency that has three."""
    ours, theirs = decimals(currency), _STRIPE_DECIMALS.get(currency, decimals(currency))
    least = 10 ** max(ours - min(theirs, 2), 0)
    if amount % least:
        raise PaymentDeclined(
            f"Stripe takes multiples of {format_amount(least, currency)} alone, "
            f"not {format_amount(amount, currency)}"
        )
    return amount * 10**theirs // 10**ours


def _from_stripe(amount: int, currency: str) -> int:
    """Convert Stripe's units to our minor units, rounded down. `currency` is in capitals."""
    ours, theirs = decimals(currency), _STRIPE_DECIMALS.get(currency, decimals(currency))
    return amount * 10**ours // 10**theirs

"""An order, and what comes back from the outside world. Money is integer minor units throughout.

These models travel between workflows and activities, so they are lenient: a field that an older worker
does not know is ignored. Input from people is checked by `intake/`, which is strict."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from order_system.domain.ids import Key, idempotency_key
from order_system.domain.money import format_amount
from order_system.domain.payment_methods import Elsewhere, made_elsewhere
from order_system.domain.steps import Effect


class Wire(BaseModel):
    """The base of everything that is stored or sent: immutable, and tolerant of newer senders."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        # A field may have another name here than on the wire, where names never change.
        validate_by_name=True,
        serialize_by_alias=True,
    )


class Strict(Wire):
    """Refuses an unknown key, even if only the worker is too old to know it: it might change the meaning."""

    model_config = ConfigDict(extra="forbid")


def always_sent(default: str | int, **limits: Any) -> Any:
    """Give a field a default that is always sent. A plain default is left out, and readers fill in their own.
    For fields by which readers tell models apart, or whose default may change in a later version."""
    return Field(default_factory=lambda _: default, **limits)


class Customer(Wire):
    name: str
    email: str


class Address(Wire):
    street: str
    city: str
    region: str
    postal_code: str
    country: str
    """ISO 3166-1 alpha-2."""


class OrderLine(Wire):
    sku: str
    quantity: int
    unit_price: int
    """Minor units of the order's currency."""


def by_sku(lines: Iterable[OrderLine]) -> Counter[str]:
    """Return the quantity of each SKU: several lines may have the same one."""
    quantities = Counter[str]()
    for line in lines:
        quantities[line.sku] += line.quantity
    return quantities


class Flow(StrEnum):
    """The sequence in which an order's steps run. Whatever the flow, the same is undone in the same way."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"
    """Payment and inventory side by side, then shipping, then notification."""


class Capture(StrEnum):
    """When the customer's money is taken."""

    AT_ONCE = "at_once"
    """With the charge."""
    ON_DISPATCH = "on_dispatch"
    """Payment authorises; shipping captures, right before the parcel is handed over. An order that fails in
    between leaves no line on the customer's statement."""


class FirstAttempts(StrEnum):
    """Where the first attempt at an effect is made. Further attempts are always regular activities."""

    REGULAR = "regular"
    LOCAL = "local"
    """In a local activity, inside its child's workflow task. That saves the server's work and a wait."""


class Handling(Wire):
    """How an order is carried out, whatever is ordered. None: as the program that accepts it is set; else
    sequential, captured at once, and by regular activities alone."""

    flow: Flow | None = None
    capture: Capture | None = None
    first_attempts: FirstAttempts | None = None
    queues_by_step: bool | None = None
    """True if each step's activities have a task queue of their own. A setting says so, never a document."""

    def with_defaults(self, defaults: "Handling") -> Self:
        """Fill in what is not given."""
        given = {name: getattr(self, name) or getattr(defaults, name) for name in Handling.model_fields}
        return self.model_copy(update=given)


NOT_SAID = Handling()


class Order(Handling):
    order_id: str
    currency: str
    """ISO 4217."""
    customer: Customer
    payment_method: str
    """A token of the payment gateway, never a card number; or a payment that was made elsewhere.
    `domain/payment_methods.py` tells the two apart."""
    shipping_address: Address
    lines: tuple[OrderLine, ...]
    shipping_fee: int = 0
    tax: int = 0
    discount: int = 0
    hold_on_failure: timedelta | None = None
    """How long to wait for a person when a step has failed for good, before the order is undone."""

    @property
    def captured_on_dispatch(self) -> bool:
        """True if shipping captures. For a payment made elsewhere: if it is not captured already."""
        made = made_elsewhere(self.payment_method)
        return self.capture is Capture.ON_DISPATCH if made is None else made is Elsewhere.AUTHORISED

    @property
    def total(self) -> int:
        """What the customer is charged, in minor units."""
        lines = sum(line.quantity * line.unit_price for line in self.lines)
        return lines + self.shipping_fee + self.tax - self.discount

    def impersonal(self, words: str) -> str:
        """Return the words of a gateway without the customer's data, in whatever case, as they may leave the
        order as a reason: book, lists and events keep nothing personal."""
        texts = {**dict(self.customer), **dict(self.shipping_address), "payment": self.payment_method}
        for text in sorted(texts.values(), key=len, reverse=True):
            if len(text) > len("DE"):  # codes of countries and regions are ordinary words, too
                words = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "[redacted]", words, flags=re.IGNORECASE)
        return words

    def fingerprint(self) -> str:
        """Return the SHA-256 of the content: what is ordered, not how it is carried out. Defaults are left
        out, so that a field added later with a default does not make an old order look changed."""
        how = {"hold_on_failure", *Handling.model_fields}
        return fingerprint_of(self.model_dump(mode="json", exclude_defaults=True, exclude=how))


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint_of(content: dict[str, Any]) -> str:
    """Return the fingerprint of an order's content, given as JSON values without defaults."""
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


class OfBook(Wire):
    book: str | None = None
    """The ID of the order book that keeps it. None: an older version started it, and any worker takes it."""


class SubmissionRef(OfBook):
    """A submission of an order: one start of the order's workflow, however often it is reset afterwards.
    Running a failed order again is another submission with other keys."""

    order_id: str
    submission: str
    """`first_execution_run_id` of the order's workflow: a reset keeps it, a fresh start does not."""
    fingerprint: str = ""
    """That of its content. Only an opening needs it."""
    batch: str | None = None
    """The workflow ID of the batch that started the order, if one did."""
    accepted_at: datetime | None = None
    """When the order's workflow was started, for the book. None: an older version started it."""
    queues_by_step: bool = False
    """The book does not keep this: the reconciler settles submissions on its one task queue."""

    def once_opened(self) -> Self:
        """Leave out what only an opening needs: each step's request is in the histories three times."""
        return self.model_copy(update={"fingerprint": "", "batch": None, "accepted_at": None})

    def key(self, effect: Effect) -> Key:
        return Key(idempotency_key(self.order_id, self.submission, effect))


class CapturedElsewhere(StrEnum):
    """How sure it is that an order is paid already. People read these words."""

    CONFIRMED = "confirmed by the gateway"
    AT_ITS_WORD = "taken at its word, since the gateway cannot look it up"


class PaymentReceipt(Wire):
    charge_id: str
    """The gateway's ID of the charge, or the reference of a payment that was captured elsewhere."""
    amount: int
    """Captured, or held by an authorisation, in minor units."""
    currency: str
    captured_elsewhere: CapturedElsewhere | None = None
    """None: we have charged it."""
    held: bool = False
    """True if the amount is only authorised. A capture has a receipt of its own."""

    def __str__(self) -> str:
        """For people: `charged 59.98 USD`, `paid already 59.98 USD by ch_123, confirmed by the gateway`."""
        amount = format_amount(self.amount, self.currency)
        if self.captured_elsewhere is None:
            return f"{'authorised' if self.held else 'charged'} {amount}"
        return f"paid already {amount} by {self.charge_id}, {self.captured_elsewhere}"


def paid_already(charge: dict[str, Any] | None) -> PaymentReceipt | None:
    """Return a charge's receipt as the book keeps it, but only if the payment was captured elsewhere."""
    receipt = PaymentReceipt.model_validate(charge) if charge else None
    return receipt if receipt and receipt.captured_elsewhere else None


class RefundReceipt(Wire):
    refund_id: str
    amount: int
    currency: str


class Reservation(Wire):
    reservation_id: str
    lines: tuple[OrderLine, ...] = ()


class Label(Wire):
    label_id: str
    carrier: str
    tracking_number: str


class DispatchReceipt(Wire):
    carrier: str
    tracking_number: str


class CommitReceipt(Wire):
    reservation_id: str


class NoticeReceipt(Wire):
    message_id: str
    kind: str

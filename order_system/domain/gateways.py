"""What the order system needs from outside, as Protocols. Implement the first four for your own gateways.

**The one rule for a gateway** (rule 10 of the design): a call is idempotent by its key, or the key can be
looked up. Then a retry returns the first answer instead of doing the thing twice. `key` is
`<order id>:<submission>:<effect>`; hand it on as your gateway's idempotency key or reference.

**What a call may raise.** A `BusinessError` when the gateway said no and did nothing; `NotReached` when the
request certainly was not carried out; anything else means "it may have happened" and is retried with the
same key. Asked again after a definite no, the gateway decides again. Where a provider stores a no under its
key, and would repeat it, hand on `f"{key}:{key.round}"` instead of `key`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from order_system.domain.ids import Key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import (
    Address,
    CommitReceipt,
    Customer,
    DispatchReceipt,
    Label,
    NoticeReceipt,
    OrderLine,
    PaymentReceipt,
    RefundReceipt,
    Reservation,
)


class PaymentGateway(Protocol):
    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Authorise and capture `amount` minor units at once. Idempotent by `key`.

        Raises PaymentDeclined.
        """
        ...

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Give back all that was captured under `charge_key`. `receipt` is what the book has of it: its
        `charge_id` finds the charge where keys are searched late; None if no answer ever came. Idempotent:
        the second call returns the first refund. None if the gateway knows of no such charge (yet).

        Of a payment that was made elsewhere (`receipt.captured_elsewhere`; only asked of a gateway that has
        `find_payment`), `receipt.charge_id` is the reference. It may be larger than `receipt.amount`: give
        back that, and not a cent more, once for each `charge_key`. None if this gateway cannot."""
        ...


@dataclass(frozen=True)
class PaymentElsewhere:
    """What the gateway knows of a payment that was made before its order came to us. Minor units."""

    reference: str
    amount: int
    currency: str
    refunded: int


class PaymentsElsewhere(Protocol):
    """What a payment gateway may offer besides, for orders that are paid already (`paid:REFERENCE`). Without
    it a payment is taken at its word, and given back by a person."""

    async def find_payment(
        self, key: str, *, reference: str, amount: int, currency: str
    ) -> PaymentElsewhere | None:
        """What is known of that payment; None if it is none that this gateway can look up. `amount` and
        `currency` are what the order comes to. Changes nothing.

        Raises PaymentNotConfirmed if there is certainly no such payment.
        """
        ...


class Warehouse(Protocol):
    async def reserve(self, key: Key, *, lines: Sequence[OrderLine]) -> Reservation:
        """Set aside every line or none, atomically. Idempotent by `key`. Raises OutOfStock."""
        ...

    async def release(self, reserve_key: str) -> Reservation | None:
        """Put back what was reserved under `reserve_key`. Idempotent. None if there is no such
        reservation (yet). Never called after `commit`."""
        ...

    async def commit(self, reserve_key: str) -> CommitReceipt:
        """The parcel is gone: turn reserved into shipped. Idempotent."""
        ...


@dataclass(frozen=True)
class Voided:
    """The label is void, or was never bought; either way it can no longer be bought or dispatched."""

    label_existed: bool


class Carrier(Protocol):
    async def buy_label(self, key: Key, *, address: Address, lines: Sequence[OrderLine]) -> Label:
        """Buy a label. Idempotent by `key`. Raises ShippingRefused, also once `key` has been voided."""
        ...

    async def dispatch(self, key: Key, *, label_key: str) -> DispatchReceipt:
        """Hand the parcel over: the pivot, it cannot come back. Idempotent by `key`. Raises
        ShippingRefused, also once `label_key` has been voided."""
        ...

    async def void(self, label_key: str) -> Voided | DispatchReceipt:
        """Atomically: void the label, or answer that the parcel is gone already. Binding on any later
        `buy_label` or `dispatch` with that label, even if the label did not exist yet. Idempotent."""
        ...


class Mailer(Protocol):
    async def send(self, key: Key, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        """Send one notice. Idempotent by `key`. Raises NoticeRefused."""
        ...


@dataclass(frozen=True)
class NoticeDetails:
    """What the book has of the order that a notice is about. None and empty: nothing."""

    payment: PaymentReceipt | None = None
    """Of a cancellation: what is given back."""
    lines: tuple[OrderLine, ...] = ()
    """As far as the warehouse's receipt names them."""
    parcel: DispatchReceipt | None = None


class DetailedMailer(Protocol):
    """What a mailer may offer besides."""

    async def send_details(
        self, key: Key, *, kind: NoticeKind, customer: Customer, details: NoticeDetails
    ) -> NoticeReceipt:
        """Called instead of `send`, and keeps the same promises."""
        ...


# --- the audit's view of the outside world --------------------------------------------------------


@dataclass(frozen=True)
class ChargeEntry:
    key: str
    amount: int
    refunded: int


@dataclass(frozen=True)
class ReservationEntry:
    key: str
    state: str
    """reserved, released or committed."""
    lines: tuple[tuple[str, int], ...]
    """SKU and quantity."""


@dataclass(frozen=True)
class ShipmentEntry:
    label_key: str
    state: str
    """bought, voided or dispatched. A void without a label is no entry."""


@dataclass(frozen=True)
class NoticeEntry:
    key: str
    kind: NoticeKind


@dataclass(frozen=True)
class StockEntry:
    sku: str
    initial: int
    on_hand: int
    """Available: neither reserved nor shipped."""
    reserved: int
    shipped: int


@dataclass(frozen=True)
class Statement:
    """What the outside world says happened, as a bank statement does."""

    charges: tuple[ChargeEntry, ...]
    reservations: tuple[ReservationEntry, ...]
    shipments: tuple[ShipmentEntry, ...]
    notices: tuple[NoticeEntry, ...]
    stock: tuple[StockEntry, ...]
    payments: tuple[PaymentElsewhere, ...] = ()
    """As far as it knows them. Of which orders they are, the book tells."""


class StatementOfAccounts(Protocol):
    async def statement(self) -> Statement:
        """One consistent snapshot."""
        ...

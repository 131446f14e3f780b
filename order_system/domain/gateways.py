"""What the order system needs from outside, as Protocols. Your own gateways implement `PaymentGateway`,
`Warehouse`, `Carrier` and `Mailer`.

**The one rule for a gateway** (rule 10 of the design): a call is idempotent by its key, or the key can be
looked up. Then a retry returns the first answer instead of doing the thing twice. `key` is
`<order id>:<submission>:<effect>`; hand it on as your gateway's idempotency key or reference. The same key
comes with other arguments only after a definite no, if ever. A call may be cancelled at any moment.

**What a call may raise.** A `BusinessError` when the gateway said no and did nothing; `NotReached` when the
request certainly was not carried out; anything else means "it may have happened" and is retried with the
same key. Asked again after a definite no, the gateway decides again. If a provider stores a no under its
key, and would repeat it, hand on `f"{key}:{key.round}"` instead of `key`. The round is never counted up after
a yes. A method that gets another method's key, for example to undo it, finds what was done in any round."""

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
from order_system.domain.steps import Effect


class PaymentGateway(Protocol):
    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Authorise and capture `amount` minor units at once. Idempotent by `key`. Raises PaymentDeclined.
        After a refund a late call takes no money: it gets the first answer, or PaymentDeclined."""
        ...

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Give back all that was captured under `charge_key`. `receipt` is the book's receipt of the charge:
        its `charge_id` finds the charge if a search by key lags behind. It is None if no answer ever came;
        then the key alone must find the charge, at the latest a minute after it was made. Idempotent: the
        second call returns the first refund. None if the gateway knows of no such charge (yet). It may
        decline one that comes later, but need not: it is asked again while an attempt may still land.

        For a payment that was made elsewhere (`receipt.captured_elsewhere`; only asked of a gateway that has
        `find_payment`), `receipt.charge_id` is its reference. The payment may be larger than
        `receipt.amount`: give back that amount, and not a cent more, once for each `charge_key`. None if this
        gateway cannot, for example because less is left."""
        ...


@dataclass(frozen=True)
class PaymentElsewhere:
    """What the gateway knows of a payment that was made before its order came to us. Minor units."""

    reference: str
    amount: int
    currency: str
    refunded: int


class PaymentsElsewhere(Protocol):
    """What a payment gateway may also offer, for orders that are paid already (`paid:REFERENCE`). Without it
    such a payment is believed as the order says, and a person gives it back."""

    async def find_payment(
        self, key: str, *, reference: str, amount: int, currency: str
    ) -> PaymentElsewhere | None:
        """Return what is known of that payment; None if this gateway cannot look it up. `amount` and
        `currency` are what the order comes to: the caller compares them. Changes nothing.

        Raises PaymentNotConfirmed if there is certainly no such payment."""
        ...


@dataclass(frozen=True)
class NotCaptured:
    """Nothing was captured of the payment, and nothing can be any more."""

    authorised: bool
    """Whether an authorisation was there. What it held is free again."""


class CapturesLater(Protocol):
    """What a payment gateway may also offer: to hold money first, and take it when the parcel goes. Offer all
    three methods or none: money that nobody can void is kept from the customer for days. A capture makes the
    charge of `charge_key`, the authorisation's key. Until then there is no charge to refund, or to list."""

    async def authorise(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Hold `amount` minor units, and take nothing. Idempotent by `key`, also once the money is captured.

        Raises PaymentDeclined, also once `key` has been voided."""
        ...

    async def capture(self, key: Key, *, charge_key: str, receipt: PaymentReceipt) -> PaymentReceipt:
        """Take all that is held. `receipt` is what `authorise` answered. `refund` gets the receipt that this
        returns, whose `charge_id` may be another. Idempotent by `key`.

        Raises PaymentDeclined, and takes nothing, also once `charge_key` has been voided, and if the
        authorisation has expired; its message says which."""
        ...

    async def void(self, charge_key: Key, *, receipt: PaymentReceipt | None) -> NotCaptured | PaymentReceipt:
        """Atomically release what is held; or, if it is captured, return the receipt with which to refund it.
        Binding on any later `authorise` or `capture`, even if nothing was authorised yet. Idempotent.
        `receipt` is what `authorise` answered; None if no answer ever came. If rounds are told apart, the
        round of `charge_key` is the last one that was asked for."""
        ...


class TakesOver(Protocol):
    """What a payment gateway may offer besides `CapturesLater`, for `authorised:REFERENCE`: a card that the
    shop's checkout has authorised, where the customer could confirm it."""

    async def take_over(self, key: Key, *, reference: str, amount: int, currency: str) -> PaymentReceipt:
        """Make that authorisation the one of `key`, as if `authorise` had made it: from now on it is captured
        or voided by `key`. Idempotent by `key`, also once it is captured. Changes nothing if it refuses.

        Raises PaymentNotConfirmed if there is no such authorisation, if it is of another amount or currency,
        another key's, or captured, voided or expired already; and once `key` has been voided."""
        ...


class RefundsParts(Protocol):
    """What a payment gateway may also offer: to give back a part of what a fulfilled order took. Without it a
    person does that; `refund` still gives back all of it at once."""

    async def refund_part(
        self, key: Key, *, charge_key: str, receipt: PaymentReceipt, amount: int
    ) -> RefundReceipt:
        """Give back `amount` minor units of what was captured under `charge_key`. For a payment that was made
        elsewhere, do as `refund` does; a `refund` then gives back what is left. Idempotent by `key`: each
        part has its own. Raises RefundRefused, also if all parts would together exceed what was captured."""
        ...


class Warehouse(Protocol):
    async def reserve(self, key: Key, *, lines: Sequence[OrderLine]) -> Reservation:
        """Set aside every line or none, atomically. Idempotent by `key`: a key that was released sets nothing
        aside any more. Two lines may have the same SKU. Raises OutOfStock."""
        ...

    async def release(self, reserve_key: str) -> Reservation | None:
        """Put back what was reserved under `reserve_key`. Idempotent. None if there is no such
        reservation (yet). Never called after `commit`."""
        ...

    async def commit(self, reserve_key: str) -> CommitReceipt:
        """Turn reserved stock into shipped, since the parcel is gone. Idempotent. Only called for reserved
        stock: otherwise raise anything but a `BusinessError`."""
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
        """Hand the parcel over. This is the pivot: it cannot come back. Idempotent by `key`. Only called for
        a label that was bought. Raises ShippingRefused, also once `label_key` has been voided."""
        ...

    async def void(self, label_key: str) -> Voided | DispatchReceipt:
        """Atomically void the label, or answer that the parcel is gone already. Binding on any later
        `buy_label` or `dispatch` with that label, even if the label did not exist yet. Idempotent: the
        second call returns the first answer."""
        ...


class Mailer(Protocol):
    async def send(self, key: Key, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        """Send one notice, the only one of its submission. Idempotent by `key`: if the same key asks for
        another kind, send nothing more. Raises NoticeRefused."""
        ...


@dataclass(frozen=True)
class NoticeDetails:
    """What the book knows of the order that a notice is about. None or empty: nothing."""

    payment: PaymentReceipt | None = None
    """The payment. With a cancellation it is given back; or it was only `held`, and is free again."""
    lines: tuple[OrderLine, ...] = ()
    """The order's lines, as far as the warehouse's receipt names them."""
    parcel: DispatchReceipt | None = None
    voided: bool = False
    """The money was only held, and is free again. `payment` is None if the gateway never answered."""


class DetailedMailer(Protocol):
    """What a mailer may also offer."""

    async def send_details(
        self, key: Key, *, kind: NoticeKind, customer: Customer, details: NoticeDetails
    ) -> NoticeReceipt:
        """Send a notice with details. Called instead of `send`, and keeps the same promises."""
        ...


# --- the audit's view of the outside world --------------------------------------------------------


@dataclass(frozen=True)
class ChargeEntry:
    key: str
    amount: int
    refunded: int
    currency: str | None = None
    """None: the statement does not say."""


@dataclass(frozen=True)
class AuthorisationEntry:
    key: str
    """The key of the charge that its capture makes."""
    state: str
    """held, captured or voided. A void of what was never authorised is no entry."""


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
    """What the outside world says happened, like a bank statement. None: it says nothing about these."""

    charges: tuple[ChargeEntry, ...] | None = None
    """Money that is only authorised is no charge yet."""
    reservations: tuple[ReservationEntry, ...] | None = None
    shipments: tuple[ShipmentEntry, ...] | None = None
    notices: tuple[NoticeEntry, ...] | None = None
    stock: tuple[StockEntry, ...] | None = None
    authorisations: tuple[AuthorisationEntry, ...] | None = None
    payments: tuple[PaymentElsewhere, ...] = ()
    """The payments made elsewhere that it knows of. The book tells which orders they paid."""

    @property
    def told(self) -> frozenset[Effect]:
        """The effects that the statement tells about."""
        entries = {
            Effect.CHARGE: self.charges,
            Effect.CAPTURE: self.charges,
            Effect.RESERVE: self.reservations,
            Effect.LABEL: self.shipments,
            Effect.DISPATCH: self.shipments,
            Effect.COMMIT: self.reservations,
            Effect.NOTIFY: self.notices,
        }
        return frozenset(effect for effect, found in entries.items() if found is not None)


class StatementOfAccounts(Protocol):
    async def statement(self) -> Statement:
        """Return one consistent snapshot."""
        ...

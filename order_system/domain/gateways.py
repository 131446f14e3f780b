"""What the order system needs from outside, as Protocols. Implement the first four for your own gateways.

**The one rule for a gateway** (rule 10 of the design): a call is idempotent by its key, or the key can be
looked up. Then a retry returns the first answer instead of doing the thing twice. `key` is
`<order id>:<submission>:<effect>`; hand it on as your gateway's idempotency key or reference. It comes with
other arguments only after a definite no, if ever. A call may be cancelled at any moment.

**What a call may raise.** A `BusinessError` when the gateway said no and did nothing; `NotReached` when the
request certainly was not carried out; anything else means "it may have happened" and is retried with the
same key. Asked again after a definite no, the gateway decides again. Where a provider stores a no under its
key, and would repeat it, hand on `f"{key}:{key.round}"` instead of `key`. The round is never counted up after
a yes. A method that gets the key of another method, to undo it say, finds what was done in any round."""

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
        """Authorise and capture `amount` minor units at once. Idempotent by `key`. Once refunded, it takes no
        money any more: what comes late gets the first answer, or PaymentDeclined.

        Raises PaymentDeclined."""
        ...

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Give back all that was captured under `charge_key`. `receipt` is what the book has of it: its
        `charge_id` finds the charge where keys are searched late; None if no answer ever came. Then the key
        alone must find it, a minute after it was made at the latest. Idempotent: the second call returns the
        first refund. None if the gateway knows of no such charge (yet); it may decline one that comes later,
        and need not: it is asked again for what may still land.

        Of a payment that was made elsewhere (`receipt.captured_elsewhere`; only asked of a gateway that has
        `find_payment`), `receipt.charge_id` is the reference. It may be larger than `receipt.amount`: give
        back that, and not a cent more, once for each `charge_key`. None if this gateway cannot, as where less
        is left."""
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
        `currency` are what the order comes to: whoever asks compares them. Changes nothing.

        Raises PaymentNotConfirmed if there is certainly no such payment."""
        ...


@dataclass(frozen=True)
class NotCaptured:
    """Nothing was captured of the payment, and nothing can be any more."""

    authorised: bool
    """Whether an authorisation was there. What it held is free again."""


class CapturesLater(Protocol):
    """What a payment gateway may offer besides: money is held first, and taken when the parcel goes. All
    three methods or none: what nobody can void is held from the customer for days. A capture makes the charge
    of `charge_key`, the key of its authorisation; until then there is none to refund, or to list."""

    async def authorise(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Hold `amount` minor units, and take nothing. Idempotent by `key`, also once it is captured.

        Raises PaymentDeclined, also once `key` has been voided."""
        ...

    async def capture(self, key: Key, *, charge_key: str, receipt: PaymentReceipt) -> PaymentReceipt:
        """Take all that is held. `receipt` is what `authorise` answered; the answer is the receipt that
        `refund` gets, and its `charge_id` may be another. Idempotent by `key`.

        Raises PaymentDeclined: nothing was taken. Also once `charge_key` has been voided, and if the
        authorisation has expired; its words tell which."""
        ...

    async def void(self, charge_key: Key, *, receipt: PaymentReceipt | None) -> NotCaptured | PaymentReceipt:
        """Atomically: let go of what is held, or answer that it is captured, by the receipt with which to
        refund it. Binding on any later `authorise` or `capture`, even if nothing was authorised yet.
        Idempotent. `receipt` is what `authorise` answered; None if no answer ever came. Where rounds are told
        apart, that of `charge_key` is the last one that was asked for."""
        ...


class TakesOver(Protocol):
    """What a payment gateway may offer besides `CapturesLater`, for `authorised:REFERENCE`: a card that the
    shop's checkout has authorised, where the customer could confirm it."""

    async def take_over(self, key: Key, *, reference: str, amount: int, currency: str) -> PaymentReceipt:
        """From now on that authorisation is the one of `key`, as if `authorise` had made it: by `key` it is
        captured or voided. Idempotent by `key`, also once it is captured. Changes nothing if it refuses.

        Raises PaymentNotConfirmed if there is no such authorisation, if it is of another amount or currency,
        another key's, or captured, voided or expired already; and once `key` has been voided."""
        ...


class RefundsParts(Protocol):
    """What a payment gateway may offer besides: a fulfilled order gives back a part of what it took. Without
    it a person does that; all of it at once still goes by `refund`."""

    async def refund_part(
        self, key: Key, *, charge_key: str, receipt: PaymentReceipt, amount: int
    ) -> RefundReceipt:
        """Give back `amount` minor units of what was captured under `charge_key`; of a payment that was made
        elsewhere, as `refund` does, which then gives back what is left. Idempotent by `key`: each part has
        its own. Raises RefundRefused, also if all parts together would be more than was captured."""
        ...


class Warehouse(Protocol):
    async def reserve(self, key: Key, *, lines: Sequence[OrderLine]) -> Reservation:
        """Set aside every line or none, atomically. Idempotent by `key`: once released, it sets nothing aside
        any more. Two lines may be of one SKU. Raises OutOfStock."""
        ...

    async def release(self, reserve_key: str) -> Reservation | None:
        """Put back what was reserved under `reserve_key`. Idempotent. None if there is no such
        reservation (yet). Never called after `commit`."""
        ...

    async def commit(self, reserve_key: str) -> CommitReceipt:
        """The parcel is gone: turn reserved into shipped. Idempotent. Only called for what is reserved: else
        raise anything but a `BusinessError`."""
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
        """Hand the parcel over: the pivot, it cannot come back. Idempotent by `key`. Only called for a label
        that was bought. Raises ShippingRefused, also once `label_key` has been voided."""
        ...

    async def void(self, label_key: str) -> Voided | DispatchReceipt:
        """Atomically: void the label, or answer that the parcel is gone already. Binding on any later
        `buy_label` or `dispatch` with that label, even if the label did not exist yet. Idempotent: the
        second call returns the first answer."""
        ...


class Mailer(Protocol):
    async def send(self, key: Key, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        """Send one notice; a submission has no other, of whichever kind. Idempotent by `key`: asked for
        another kind, it sends nothing more. Raises NoticeRefused."""
        ...


@dataclass(frozen=True)
class NoticeDetails:
    """What the book has of the order that a notice is about. None and empty: nothing."""

    payment: PaymentReceipt | None = None
    """Of a cancellation: what is given back; or was only `held`, and is free again."""
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
class AuthorisationEntry:
    key: str
    """Of the charge that a capture of it makes."""
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
    """What the outside world says happened, as a bank statement does. None: of these it tells nothing."""

    charges: tuple[ChargeEntry, ...] | None = None
    """Of what is only authorised there is none."""
    reservations: tuple[ReservationEntry, ...] | None = None
    shipments: tuple[ShipmentEntry, ...] | None = None
    notices: tuple[NoticeEntry, ...] | None = None
    stock: tuple[StockEntry, ...] | None = None
    authorisations: tuple[AuthorisationEntry, ...] | None = None
    payments: tuple[PaymentElsewhere, ...] = ()
    """As far as it knows them. Of which orders they are, the book tells."""

    @property
    def told(self) -> frozenset[Effect]:
        """What it bears witness to."""
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
        """One consistent snapshot."""
        ...

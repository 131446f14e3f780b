"""What the order system needs from outside, as Protocols. Implement the first four for your own gateways.

**The one rule for a gateway** (rule 10 of the design): a call is idempotent by its key, or the key can be
looked up. Then a retry returns the first answer instead of doing the thing twice. `key` is
`<order id>:<submission>:<effect>`; hand it on as your gateway's idempotency key or reference.

**What a call may raise.** A `BusinessError` when the gateway said no and did nothing; `NotReached` when the
request certainly was not carried out; anything else means "it may have happened" and is retried with the
same key. A definite no is not stored: asked again, the gateway decides again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from order_system.attention import AnswerRecord
from order_system.ids import Effect
from order_system.journal import Attempt, BatchRun, EffectState, JournalEntry, Opening, SubmissionRecord
from order_system.messages import AlreadyFulfilled, NoticeKind, OlderSubmissionOpen, OrderOutcome, Verdict
from order_system.models import (
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
    SubmissionRef,
    Wire,
)


class PaymentGateway(Protocol):
    async def charge(self, key: str, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        """Authorise and capture `amount` minor units at once. Idempotent by `key`.

        Raises PaymentDeclined.
        """
        ...

    async def refund(self, charge_key: str) -> RefundReceipt | None:
        """Give back all that was captured under `charge_key`. Idempotent: the second call returns the
        first refund. None if the gateway knows of no charge under that key (yet)."""
        ...


class Warehouse(Protocol):
    async def reserve(self, key: str, *, lines: Sequence[OrderLine]) -> Reservation:
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
    async def buy_label(self, key: str, *, address: Address, lines: Sequence[OrderLine]) -> Label:
        """Buy a label. Idempotent by `key`. Raises ShippingRefused, also once `key` has been voided."""
        ...

    async def dispatch(self, key: str, *, label_key: str) -> DispatchReceipt:
        """Hand the parcel over: the pivot, it cannot come back. Idempotent by `key`. Raises
        ShippingRefused, also once `label_key` has been voided."""
        ...

    async def void(self, label_key: str) -> Voided | DispatchReceipt:
        """Atomically: void the label, or answer that the parcel is gone already. Binding on any later
        `buy_label` or `dispatch` with that label, even if the label did not exist yet. Idempotent."""
        ...


class Mailer(Protocol):
    async def send(self, key: str, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        """Send one notice. Idempotent by `key`. Raises NoticeRefused."""
        ...


# --- the order book: ours, and permanent ----------------------------------------------------------


class OrderBook(Protocol):
    """Each method is one transaction. `order_system/book.py` explains the mechanism."""

    async def claim(self, ref: SubmissionRef, effect: Effect, attempt: Attempt) -> JournalEntry:
        """Take the key before calling the gateway. The entry is DONE, with its receipt, if an earlier
        attempt has recorded it: then do not call. Raises Fenced."""
        ...

    async def open_and_claim_charge(
        self, ref: SubmissionRef, attempt: Attempt, opening: Opening
    ) -> JournalEntry | OlderSubmissionOpen | AlreadyFulfilled:
        """Open the submission and claim its charge, unless an older submission is open or fulfilled.

        Raises Fenced, and OpenElsewhere if the older one belongs to another namespace."""
        ...

    async def record(self, ref: SubmissionRef, effect: Effect, receipt: Wire, at: datetime) -> None:
        """The effect happened. Raises Fenced if an undo has fenced the key meanwhile; the receipt is
        kept all the same, so that what landed behind the fence is known."""
        ...

    async def answered_no(self, ref: SubmissionRef, effect: Effect) -> None:
        """One attempt was definitely not carried out, and may no longer land."""
        ...

    async def fulfil(
        self,
        ref: SubmissionRef,
        *,
        dispatch: DispatchReceipt,
        commit: CommitReceipt,
        at: datetime,
        from_undo: bool = False,
    ) -> PaymentReceipt:
        """The parcel is gone and the stock committed: record both and close the submission as
        fulfilled. Idempotent. Raises Fenced if an undo owns the key, unless called `from_undo`, and
        always if the shipment has been settled as voided. Returns the receipt of the charge. A dispatch
        that a person has settled stays HANDLED."""
        ...

    async def parcel_found_gone(self, ref: SubmissionRef, parcel: DispatchReceipt, at: datetime) -> None:
        """An undo has learned it from the carrier: from now on nobody can settle the shipment as voided, and
        `fulfil` is to follow. Idempotent. Raises Fenced if it has been settled as voided."""
        ...

    async def fence(
        self,
        ref: SubmissionRef,
        effects_to_undo: Sequence[Effect],
        *,
        verdict: Verdict,
        attempt: Attempt,
        needs_verdict: bool,
    ) -> dict[Effect, JournalEntry]:
        """Begin an undo: from now on nobody can claim these keys. Inserts the submission, closed, if it
        is missing. Raises VerdictMissing if `needs_verdict` and dispatch is not settled as voided.
        Idempotent."""
        ...

    async def settle(
        self, ref: SubmissionRef, states: Mapping[Effect, EffectState], *, verdict: Verdict, at: datetime
    ) -> None:
        """End an undo: UNDONE for an effect that was found and reversed, FENCED for one that never
        happened, IN_DOUBT for one that was not found although an attempt was never answered. Closes the
        submission with `verdict` when nothing is held any more. Idempotent; a closed status stays."""
        ...

    async def settle_by_hand(
        self,
        ref: SubmissionRef,
        effects_of_undo: Sequence[Effect],
        answer: AnswerRecord,
        *,
        verdict: Verdict,
        at: datetime,
    ) -> bool:
        """A person ends an undo whose effects are fenced: HANDLED, unless the effect never happened.
        Notes the answer, and closes the submission as `settle` does. False, and nothing changed, if the
        undo had ended before. Idempotent by the answer's ID."""
        ...

    async def dispatched_by_hand(
        self, ref: SubmissionRef, answer: AnswerRecord, parcel: DispatchReceipt, at: datetime
    ) -> bool:
        """A person says that the parcel is gone: from now on no undo voids it, and `fulfil` is to follow.
        Its fence is there already. False, and nothing changed, if shipping's undo had ended before.
        Idempotent by the answer's ID."""
        ...

    async def note_answer(self, ref: SubmissionRef, answer: AnswerRecord) -> None:
        """Who answered what, when and why. Idempotent by the answer's ID."""
        ...

    async def answers(self, ref: SubmissionRef) -> list[AnswerRecord]:
        """What people have answered about this submission, oldest first."""
        ...

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        """Of each order that the book knows, the submission that counts: the fulfilled one, else the
        open one, else the newest. One query, any number of IDs."""
        ...

    async def journal(self, ref: SubmissionRef) -> dict[Effect, JournalEntry]: ...

    async def outcome(self, order_id: str) -> OrderOutcome | None:
        """The recorded outcome of a fulfilled order."""
        ...

    async def order_ids(self, prefix: str) -> list[str]:
        """The IDs in the book that start with `prefix`, for finding the next free number."""
        ...

    async def batch_run(self, batch: str, run: str | None = None) -> BatchRun | None:
        """That run of the batch with this workflow ID, or the newest one."""
        ...

    async def orders_of(self, batch: str, run: str, *, after: str, limit: int) -> list[str]:
        """IDs of the next orders of a run of a batch after this one (at first: empty), in an order of their
        own. Those in conflict, and those that the run was not asked for, are not its own, and left out."""
        ...

    async def ledger(self) -> "Ledger":
        """Everything, for the audit; taken in one transaction."""
        ...


@dataclass(frozen=True)
class Ledger:
    """The book's side of the audit: every submission with its journal."""

    entries: tuple[tuple[SubmissionRecord, dict[Effect, JournalEntry]], ...]


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


class StatementOfAccounts(Protocol):
    async def statement(self) -> Statement:
        """One consistent snapshot."""
        ...

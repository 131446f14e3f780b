"""What workflows and activities say to each other: one model in and one model out. Each step is told only
what it needs (the warehouse never sees a card token)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from order_system.domain.answers import AnswerRecord
from order_system.domain.order import (
    Address,
    Customer,
    DispatchReceipt,
    FirstAttempts,
    OrderLine,
    PaymentReceipt,
    Reservation,
    SubmissionRef,
    Wire,
    always_sent,
)
from order_system.domain.steps import Step


class OrderStatus(StrEnum):
    """Where an order stands. `needs_attention` is the one word for waiting for a person."""

    RUNNING = "running"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"
    TERMINATED = "terminated"


class OrderOutcome(Wire):
    """How a fulfilled order ended; also what a later submission of the same order gets back."""

    order_id: str
    status: Literal[OrderStatus.FULFILLED] = OrderStatus.FULFILLED
    submission: str
    fingerprint: str
    payment: PaymentReceipt
    parcel: DispatchReceipt
    note: str | None = None
    """What a person should know although the order is fulfilled, e.g. that its notice failed."""

    @classmethod
    def of(
        cls, ref: SubmissionRef, payment: PaymentReceipt, parcel: DispatchReceipt, note: str | None = None
    ) -> Self:
        which = ref.model_dump(include={"order_id", "submission", "fingerprint"})
        return cls(**which, payment=payment, parcel=parcel, note=note)


class StepRequest(Wire):
    """What every child workflow, and its activities, are told at least."""

    submission: SubmissionRef
    first_attempts: FirstAttempts | None = None
    first_attempt_at: datetime | None = None
    """For a local activity: when it was asked for, by the server's clock."""


# --- opening the submission -----------------------------------------------------------------------


class Opening(Wire):
    """What the order book notes when a submission is opened, by whichever step comes first."""

    total: int
    """Minor units."""
    currency: str
    captured_on_dispatch: bool = False
    email: str | None = None
    """The customer's address, of which the book keeps a keyed hash. None: an older worker has sent this."""


class OlderSubmissionOpen(Wire):
    """Nothing was opened or charged: an earlier submission was never closed and must be settled first."""

    kind: Literal["older_submission_open"] = always_sent("older_submission_open")
    older: SubmissionRef


class AlreadyFulfilled(Wire):
    """Nothing was opened or charged: the order has been fulfilled before."""

    kind: Literal["already_fulfilled"] = always_sent("already_fulfilled")
    outcome: OrderOutcome


GivesWay = OlderSubmissionOpen | AlreadyFulfilled
"""Why a step has opened nothing, and done nothing: another submission of the order is in its place."""


# --- the steps ------------------------------------------------------------------------------------


class PaymentRequest(StepRequest):
    amount: int
    """Minor units."""
    currency: str
    payment_method: str
    captured_on_dispatch: bool = False
    """True: only authorise the amount."""
    email: str | None = None
    """Only for the opening: no gateway is told."""

    @property
    def opening(self) -> Opening:
        told = self.model_dump(include={"currency", "captured_on_dispatch", "email"})
        return Opening(total=self.amount, **told)


class Charged(Wire):
    kind: Literal["charged"] = always_sent("charged")
    receipt: PaymentReceipt


PaymentAnswer = Annotated[Charged | GivesWay, Field(discriminator="kind")]


class InventoryRequest(StepRequest):
    lines: tuple[OrderLine, ...]
    opening: Opening | None = None
    """For a step that runs beside payment, and may come first. None: payment has opened the submission."""


InventoryAnswer = Reservation | GivesWay


class ShippingRequest(StepRequest):
    address: Address
    lines: tuple[OrderLine, ...]
    captures: bool = False
    """True: capture the held money before the parcel is handed over."""


class Shipped(DispatchReceipt):
    payment: PaymentReceipt | None = None
    """What shipping has captured right before. None: payment had captured it."""


class NoticeKind(StrEnum):
    CONFIRMATION = "confirmation"
    CANCELLATION = "cancellation"


class NotificationRequest(StepRequest):
    kind: NoticeKind
    customer: Customer


# --- undos ----------------------------------------------------------------------------------------


MOST_CHARACTERS_OF_REASON = 1_000


def one_line(text: str) -> str:
    """Replace what a database may not keep (PostgreSQL: NUL) or a screen not show, and limit the length."""
    return "".join(char if char.isprintable() else " " for char in text)[:MOST_CHARACTERS_OF_REASON]


OneLine = Annotated[str, AfterValidator(one_line)]


class UndoCause(Wire):
    """Why an order is undone. Every undo carries it, since the last one closes the submission with it."""

    status: Literal[OrderStatus.FAILED, OrderStatus.CANCELLED, OrderStatus.TERMINATED]
    failed_step: Step | None = None
    reason: OneLine
    """One line. A gateway or a person may have said anything, and the book must be able to keep it."""


ABANDONED = UndoCause(status=OrderStatus.TERMINATED, reason="its workflow ended without closing it")
"""The cause for a submission that no workflow is at work on any more, even if it turns out fulfilled."""


class UndoRequest(Wire):
    submission: SubmissionRef
    cause: UndoCause = Field(validation_alias="verdict", serialization_alias="verdict")


class UndoResult(StrEnum):
    """How an undo ended. Only shipping's is ever ALREADY_DISPATCHED: then the order is fulfilled."""

    UNDONE = "undone"
    NOTHING_TO_UNDO = "nothing to undo"
    ALREADY_DISPATCHED = "already dispatched"
    HANDLED = "handled"
    """A person has handled it, so the gateways were not told."""


class UndoAnswer(Wire):
    result: UndoResult
    detail: str
    """For people: `refunded 1,059.97 USD`."""
    parcel: DispatchReceipt | None = None
    payment: PaymentReceipt | None = None
    """Both only with ALREADY_DISPATCHED: the order's outcome is made of them."""

    def receipts(self) -> tuple[PaymentReceipt, DispatchReceipt]:
        """Return both receipts of ALREADY_DISPATCHED. Raises ValueError for any other answer."""
        if self.payment is None or self.parcel is None:
            raise ValueError(f"an undo that answered {self.result!r} has no receipts")
        return self.payment, self.parcel


class HandledUndo(UndoRequest):
    """A person says that the undo of `answer.step` was handled by hand."""

    answer: AnswerRecord


class HandledUndoAnswer(Wire):
    undo: UndoAnswer
    """How the undo has ended now."""
    recorded: bool
    """False: it had ended by itself before, and the person's answer was not needed."""


class AnswerToNote(Wire):
    """An answer for the order book to note: about a retry, or to a held order. The reconciler gets one about
    a submission that no workflow is at work on, and settles it accordingly."""

    submission: SubmissionRef
    answer: AnswerRecord
    beside: tuple[AnswerRecord, ...] = ()
    """The same answer, about the step beside that one, if the order was held at both."""

"""One submission of an order, and what its workflow knows of it."""

from dataclasses import dataclass, field
from typing import Any

from order_system.domain.messages import (
    InventoryRequest,
    NoticeKind,
    NotificationRequest,
    Opening,
    PaymentRequest,
    ShippingRequest,
    StepRequest,
    UndoCause,
    UndoRequest,
)
from order_system.domain.order import Flow, Order, SubmissionRef

STEPS = ("charge", "reserve", "buy_label", "capture", "dispatch", "notify")
SIDE_BY_SIDE = ("charge", "reserve")


@dataclass(eq=False)
class Submission:
    order: Order
    ref: SubmissionRef
    alive: bool = True
    """Whether its workflow runs: an order has one workflow at a time."""
    answered: set[str] = field(default_factory=set)
    """Steps that the workflow knows to have gone well."""
    answers: dict[str, Any] = field(default_factory=dict)
    """What undos have answered, for they must go on answering the same."""

    def __repr__(self) -> str:
        return f"{self.ref.order_id}:{self.ref.submission}"

    @property
    def steps(self) -> list[str]:
        return [step for step in STEPS if step != "capture" or self.order.captured_on_dispatch]

    def next_steps(self) -> list[str]:
        """Those that have answered, and the one after them; of two side by side both, one that has not
        answered last."""
        if self.order.flow is Flow.PARALLEL and not self.answered.issuperset(SIDE_BY_SIDE):
            return sorted(SIDE_BY_SIDE, key=lambda step: step not in self.answered)
        return self.steps[: len(self.answered) + 1]

    def opens(self, kind: str) -> bool:
        """Whether a step may be what opens the submission."""
        return kind == "charge" or (kind == "reserve" and self.order.flow is Flow.PARALLEL)

    def request(self, kind: str, cause: UndoCause | None) -> Any:
        ref, order = self.ref, self.order
        if cause is not None:
            return UndoRequest(submission=ref, cause=cause)
        if kind == "charge":
            return PaymentRequest(
                submission=ref,
                amount=order.total,
                currency=order.currency,
                payment_method=order.payment_method,
                captured_on_dispatch=order.captured_on_dispatch,
            )
        if kind == "reserve":
            opening = Opening(
                total=order.total, currency=order.currency, captured_on_dispatch=order.captured_on_dispatch
            )
            return InventoryRequest(
                submission=ref, lines=order.lines, opening=opening if self.opens(kind) else None
            )
        if kind == "capture":
            return StepRequest(submission=ref)
        if kind == "notify":
            return NotificationRequest(submission=ref, kind=NoticeKind.CONFIRMATION, customer=order.customer)
        return ShippingRequest(submission=ref, address=order.shipping_address, lines=order.lines)

"""A refund: a fulfilled order gives back a part of its money, or all that is left."""

from datetime import datetime
from enum import StrEnum

from pydantic import field_serializer

from order_system.domain.answers import Answer
from order_system.domain.ids import Key, idempotency_key
from order_system.domain.messages import StepRequest
from order_system.domain.money import decimal_text, format_amount
from order_system.domain.wording import Timestamp

MADE_ELSEWHERE = "made elsewhere: "
"""What the detail begins with if the refund was made at the provider, without us. Its reference follows."""


class RefundState(StrEnum):
    UNDER_WAY = "under way"
    REFUNDED = "refunded"
    REFUSED = "refused"
    """Nothing was given back, and nothing will be."""
    HANDLED = "handled"
    """A person has given it back, at the provider or otherwise."""


class Refund(Answer):
    """What was asked for, by whom and why (`note`), and what came of it."""

    refund_id: str
    amount: int
    """Minor units. 0, when the refund is asked for, means all that is left."""
    currency: str
    sku: str | None = None
    """The line whose goods come back, if the refund is for one line."""
    asked_at: datetime
    state: RefundState = RefundState.UNDER_WAY
    ended_at: datetime | None = None
    detail: str = ""
    """The provider's ID of the refund, why it was refused, or what a person has done."""

    def ended(self, state: RefundState, detail: str, at: datetime) -> "Refund":
        return self.model_copy(update={"state": state, "detail": detail, "ended_at": at})

    def __str__(self) -> str:
        """For people, in one line."""
        return f"{self._told(self.detail)}: {self.note}"

    @property
    def without_notes(self) -> str:
        """The same where no note may be: what a person has written may name the customer."""
        return self._told("" if self.state is RefundState.HANDLED else self.detail)

    def _told(self, detail: str) -> str:
        amount = format_amount(self.amount, self.currency) if self.amount else "all that is left"
        what = amount + (f" for {self.sku}" if self.sku else "")
        came_to = f"{self.state} {what}" + (f" ({detail})" if detail else "")
        asked = f"asked for by {self.who} on {self.asked_at:%Y-%m-%d %H:%M} UTC"
        return f"refund {self.refund_id}: {came_to}, {asked}"


class RefundDocument(Refund):
    """A refund in a document: its amount is decimal text, and its times end at the millisecond."""

    asked_at: Timestamp
    ended_at: Timestamp | None = None

    @field_serializer("amount", when_used="json")
    def _decimal(self, amount: int) -> str:
        return decimal_text(amount, self.currency)


class RefundRequest(StepRequest):
    """The request to the workflow and its activity. In the state `handled`, a person has made the refund."""

    refund: Refund

    @property
    def key(self) -> Key:
        ref, name = self.submission, f"refund-{self.refund.refund_id}"
        return Key(idempotency_key(ref.order_id, ref.submission, name))

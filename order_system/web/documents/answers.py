"""What a person answers: the bodies and forms that carry it, and what comes back."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from order_system.domain.answers import (
    MOST_CHARACTERS_OF_NOTE,
    MOST_CHARACTERS_OF_WHO,
    UNDOABLE,
    AnswerReceipt,
    ParcelFate,
    Remedy,
)
from order_system.domain.steps import Step
from order_system.web.documents.orders import OrderDocument
from order_system.web.guards.access import Caller


class AnswerBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    note: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS_OF_NOTE)] = Field(
        "", description="Why, in one line. A card number is refused.", examples=["the gateway is back"]
    )
    who: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS_OF_WHO)] | None = Field(
        None,
        description="Who answers. By default the key's name. The workflow's history and the book keep it.",
        examples=["ada@desk-1"],
    )

    def given(self, caller: Caller) -> dict[str, Any]:
        """All of it, with whoever answers."""
        return {**self.model_dump(), "who": caller.name if self.who is None else self.who}


class ResolutionBody(AnswerBody):
    step: Step = Field(description=f"Whose undo is stuck: {', '.join(UNDOABLE)}.")
    remedy: Remedy = Field(
        description="`retry`: try it again now. `handled`: it was done by hand, as `note` says."
    )
    parcel: ParcelFate | None = Field(
        None,
        description="Only for shipping that was handled. `voided`: no parcel has gone, and none can go. "
        "`dispatched`: the parcel is with the carrier.",
    )


class Answered(BaseModel):
    receipt: AnswerReceipt
    order: OrderDocument

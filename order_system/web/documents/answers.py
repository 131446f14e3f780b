"""What a person answers, over HTTP: bodies, and what comes back."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from order_system.domain.answers import (
    MOST_CHARACTERS_OF_NOTE,
    MOST_CHARACTERS_OF_WHO,
    UNDOABLE,
    AnswerReceipt,
    GiveUp,
    ParcelFate,
    Remedy,
    Resolution,
    StepRetry,
)
from order_system.domain.steps import Step
from order_system.web.documents.orders import OrderDocument
from order_system.web.guards.access import Caller


class AnswerBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    note: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS_OF_NOTE)] = Field(
        "", description="Why, in one line. No card number.", examples=["the gateway is back"]
    )
    who: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS_OF_WHO)] | None = Field(
        None,
        description="Who answers; by default the key's name. Kept in the workflow's history and in the book.",
        examples=["ada@desk-1"],
    )

    def by(self, caller: Caller) -> str:
        return caller.name if self.who is None else self.who

    def to_retry(self, caller: Caller) -> StepRetry:
        return StepRetry(who=self.by(caller), note=self.note)

    def to_give_up(self, caller: Caller) -> GiveUp:
        return GiveUp(who=self.by(caller), note=self.note)


class ResolutionBody(AnswerBody):
    step: Step = Field(description=f"Whose undo is stuck: {', '.join(UNDOABLE)}.")
    remedy: Remedy = Field(description="`retry` it now; or `handled`: it was done by hand, as `note` says.")
    parcel: ParcelFate | None = Field(
        None,
        description="Of shipping that was handled, and only then: `voided`, no parcel has gone and none can; "
        "or `dispatched`, it is with the carrier.",
    )

    def to_resolution(self, caller: Caller) -> Resolution:
        return Resolution(
            who=self.by(caller), note=self.note, step=self.step, remedy=self.remedy, parcel=self.parcel
        )


class Answered(BaseModel):
    receipt: AnswerReceipt
    order: OrderDocument

"""The steps of an order, what each does to the outside world, and how each is undone.

This is the only table of these facts. The saga, the reconciler, the order document, the timeline and the log
derive from it what they need; `docs/add-a-step.md` says what else a step consists of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """The steps, each a child workflow of the order, in the sequence in which they run. A name has no hyphen
    and at most 16 characters: workflow IDs and columns are made of it."""

    PAYMENT = "payment"
    INVENTORY = "inventory"
    SHIPPING = "shipping"
    NOTIFICATION = "notification"


class Effect(StrEnum):
    """What a step does to the outside world. An idempotency key ends in one of these."""

    CHARGE = "charge"
    RESERVE = "reserve"
    LABEL = "label"
    CAPTURE = "capture"
    """Only for an order that is captured on dispatch: its charge is an authorisation until then."""
    DISPATCH = "dispatch"
    COMMIT = "commit"
    NOTIFY = "notify"


@dataclass(frozen=True)
class StepUndo:
    """How a step is undone: by an activity of the order's own workflow."""

    activity: str
    """The activity's name, as it stands in histories."""
    effects: tuple[Effect, ...]
    """The effects whose keys it fences. In the book, the state of the first tells how the undo ended."""
    done: str
    """For people: what it has done."""
    nothing: str
    """For people: there was nothing to undo."""

    @property
    def effect(self) -> Effect:
        return self.effects[0]


@dataclass(frozen=True)
class StepRow:
    effects: tuple[Effect, ...]
    undo: StepUndo | None = None


STEPS: Mapping[Step, StepRow] = {
    Step.PAYMENT: StepRow(
        effects=(Effect.CHARGE,),
        undo=StepUndo("refund", (Effect.CHARGE, Effect.CAPTURE), "refunded", "nothing was charged"),
    ),
    Step.INVENTORY: StepRow(
        effects=(Effect.RESERVE,),
        undo=StepUndo("release", (Effect.RESERVE,), "stock released", "nothing was reserved"),
    ),
    Step.SHIPPING: StepRow(
        effects=(Effect.LABEL, Effect.CAPTURE, Effect.DISPATCH, Effect.COMMIT),
        undo=StepUndo(
            "void_shipment", (Effect.LABEL, Effect.DISPATCH), "label voided", "nothing was shipped"
        ),
    ),
    Step.NOTIFICATION: StepRow(effects=(Effect.NOTIFY,)),
}

AUTHORISATION_VOIDED = "authorisation voided, nothing was charged"
"""For people: what the undo of payment has done, if the money was only held."""

PIVOT = Step.SHIPPING
"""Past it an order can only be fulfilled. Its undo answers first: is the parcel gone, or can it never go?"""

UNDOS: Mapping[Step, StepUndo] = {step: undo for step in reversed(Step) if (undo := STEPS[step].undo)}
"""The undo of each step that has one, last step first."""

GIVEN_BACK: Mapping[Step, StepUndo] = {step: undo for step, undo in UNDOS.items() if step is not PIVOT}
"""The undos that wait for the pivot's answer, and that may find nothing now and something later."""

STEP_OF: Mapping[Effect, Step] = {effect: step for step, row in STEPS.items() for effect in row.effects}

STEP_UNDONE_BY: Mapping[str, Step] = {undo.activity: step for step, undo in UNDOS.items()}
"""The step of each undo, by the name of the undo's activity."""

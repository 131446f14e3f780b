"""What a person may answer when an order needs attention, and what comes of each answer.

Two things make an order wait for a person. An *undo is stuck*: it goes on being retried, and a person may
have it tried again at once, or say that it was handled by hand. Or a step has failed for good and the order
is *held*, since it says `hold_on_failure`: a person may have just that step retried, or give the order up.

The workflow's history and the order book keep who answers, when and why. So no answer may hold what neither
should: control characters, a card number, or a text of any length."""

import unicodedata
from datetime import datetime
from enum import StrEnum

from order_system.domain.card_numbers import REFUSAL, holds_card_number
from order_system.domain.order import Wire
from order_system.domain.steps import PIVOT, UNDOS, Step

MOST_CHARACTERS_OF_WHO = 100
MOST_CHARACTERS_OF_NOTE = 500
MOST_CHARACTERS_OF_ID = 255
"""The limit of an Update's ID, which is the answer's ID in the book. Temporal itself allows more."""

UNDOABLE = tuple(step for step in Step if step in UNDOS)
"""The steps that have an undo, and that may be held. A notice that is owed may be handled, too."""


class Remedy(StrEnum):
    """What to do about an undo that is stuck."""

    RETRY = "retry"
    """Try it again now, instead of after its pause."""
    HANDLED = "handled"
    """A person has done it by hand: stop trying, and keep the order from doing it after all."""


class ParcelFate(StrEnum):
    """What a person who handled shipping's undo has made sure of."""

    VOIDED = "voided"
    """No parcel has gone, and none can go any more: stock and money are given back."""
    DISPATCHED = "dispatched"
    """The parcel is with the carrier: its stock is committed, and the order is fulfilled."""


class Answer(Wire):
    """What every answer of a person says. `flaw_in` tells what is wrong with one."""

    who: str
    """`user@host`, or whatever name the client gives; not empty, at most 100 characters."""
    note: str = ""
    """Why; at most 500 characters."""


class Resolution(Answer):
    """The argument of the Update `resolve`, about the undo of `step`, which must be stuck."""

    step: Step
    remedy: Remedy
    parcel: ParcelFate | None = None
    """Given with `handled` for shipping, and only then."""
    refund: str | None = None
    """The ID of a stuck refund of a fulfilled order, if the answer is about that. `step` is then payment."""


class StepRetry(Answer):
    """The argument of the Update `retry_step`: run once more the step at which the order is held."""


class GiveUp(Answer):
    """The argument of the Update `give_up`: undo the order now, before the hold has run out."""


class AnsweredAs(StrEnum):
    """What an answer in the book says: one phrase for each answer that a person may give."""

    RETRY_UNDO = "retry undo"
    HANDLED = "handled"
    VOIDED = "handled: voided"
    DISPATCHED = "handled: dispatched"
    RETRY_STEP = "retry step"
    GIVE_UP = "give up"
    ADOPTED = "adopted"
    """The submission was taken over from another server, which a person says is gone."""
    TAKEN = "taken"
    """A person is at work on it; the note says on what."""
    FORGETTING = "being forgotten"
    """Forgetting the order has begun. If it was cut off, the same command finishes it."""
    FORGOTTEN = "forgotten"
    """Nothing about the order's customer is kept; the note says why."""


def answered_as(resolution: Resolution) -> AnsweredAs:
    if resolution.remedy is Remedy.RETRY:
        return AnsweredAs.RETRY_UNDO
    return AnsweredAs(f"handled: {resolution.parcel}") if resolution.parcel else AnsweredAs.HANDLED


class AnswerRecord(Wire):
    """An answer as the order book keeps it: who, when and why."""

    answer_id: str
    """The ID of the Update, so that an answer that is recorded again is kept once. If an answer is about two
    held steps, the second record has an ID of its own."""
    at: datetime
    """When the order accepted it."""
    who: str
    note: str
    step: Step
    answer: AnsweredAs

    def __str__(self) -> str:
        forgotten = self.answer in (AnsweredAs.FORGETTING, AnsweredAs.FORGOTTEN)
        what = self.answer if forgotten else f"{self.answer} {self.step}"
        return f"{what}, by {self.who}" + (f": {self.note}" if self.note else "")


class AnswerResult(StrEnum):
    """What came of an answer that was accepted."""

    RETRIED = "retried"
    """The undo or the step is being tried again; how that ends shows in the order's progress."""
    HANDLED = "handled"
    """Recorded; the undo is not tried again."""
    OVERTAKEN = "overtaken"
    """The undo succeeded by itself just then, so nothing was recorded."""
    GIVEN_UP = "given up"


class AnswerReceipt(Wire):
    """What all three Updates return."""

    order_id: str
    step: Step
    result: AnswerResult
    detail: str
    """One line for people."""


class Came(Wire):
    """What came of one of many things that a person has chosen at once."""

    chosen: str
    accepted: bool
    detail: str
    """One line for people."""


class Summary(Wire):
    accepted: int
    refused: int
    rows: tuple[Came, ...]


UPDATE_REFUSED = "AnswerRefused"
"""The type of the ApplicationError of a refused Update: there is nothing to answer, or the answer does not
fit. Its message is one line for people. A refused Update changes nothing."""


def flaw_in(answer: Answer) -> str | None:
    """Return in one line what is wrong with an answer in itself, or None. Clients use it, too."""
    texts = {"who": (answer.who, MOST_CHARACTERS_OF_WHO), "note": (answer.note, MOST_CHARACTERS_OF_NOTE)}
    for name, (text, most) in texts.items():
        if len(text) > most:
            return f"{name} must be at most {most} characters"
        if any(unicodedata.category(char) in _HIDDEN for char in text):
            return f"{name} must not hold line breaks, control characters or invisible ones"
        if holds_card_number(text):
            return f"{name} {REFUSAL}"
    if not answer.who.strip():
        return "who must say who answers, e.g. ada@desk-1"
    return _flaw_in_resolution(answer) if isinstance(answer, Resolution) else None


_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _flaw_in_resolution(resolution: Resolution) -> str | None:
    if resolution.step not in UNDOABLE and resolution.remedy is not Remedy.HANDLED:
        return f"{resolution.step} has no undo; the steps that have one are {', '.join(UNDOABLE)}"
    if resolution.remedy is Remedy.HANDLED and not resolution.note.strip():
        return "note must say what was done by hand, e.g. refunded by hand, ticket 123"
    about_the_parcel = resolution.remedy is Remedy.HANDLED and resolution.step is PIVOT
    if about_the_parcel and resolution.parcel is None:
        return "shipping was handled how? Either voided (no parcel can go) or dispatched (it is gone)"
    if not about_the_parcel and resolution.parcel is not None:
        return f"{resolution.parcel} is an answer about shipping that was handled, and nothing else"
    return None

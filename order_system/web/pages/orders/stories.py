"""What an order's page says at its top: why the order stopped, what it waits for, what has become of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, UndoState
from order_system.web.pages.words import plain, sentence


@dataclass(frozen=True)
class Story:
    title: str
    look: str
    text: str = ""
    loud: bool = False
    until: datetime | None = None
    """When the order is undone if nobody answers."""
    hint: str = ""
    """What may be done next."""


AGAIN = "To run it again, submit the same order again. In a batch, retry the failed orders."


def stories_of(order: OrderProgress) -> list[Story]:
    return [*_waiting(order), *_ended(order), *_going_on(order)]


def _waiting(order: OrderProgress) -> Iterator[Story]:
    if order.held_until is not None:
        at = f" at {order.failed_step}" if order.failed_step else ""
        yield Story(
            f"Held{at}: the order waits for a person",
            "held",
            sentence(plain(order.reason)),
            loud=True,
            until=order.held_until,
        )
    for undo in order.undos:
        if undo.status is UndoState.STUCK:
            title = f"The undo of {undo.step} is stuck: the order waits for a person"
            text = f"It is still being retried. {sentence(undo.reason or '')}".strip()
            yield Story(title, "stuck", text, loud=True)


def _ended(order: OrderProgress) -> Iterator[Story]:
    at = f" at {order.failed_step}" if order.failed_step else ""
    match order.status:
        case OrderStatus.FAILED:
            yield Story(f"The order failed{at}", "failed", _why_and_then(order), hint=AGAIN)
        case OrderStatus.CANCELLED:
            yield Story(f"The order was cancelled{at}", "cancelled", _why_and_then(order), hint=AGAIN)
        case OrderStatus.TERMINATED:
            yield Story("The order was terminated from outside", "terminated", sentence(order.reason or ""))
        case _:
            return


def _going_on(order: OrderProgress) -> Iterator[Story]:
    if not order.closed and order.undos:
        at = f" since {order.failed_step} failed" if order.failed_step else ""
        yield Story(f"The order is being undone{at}", "undo", sentence(plain(order.reason)))
    if order.note:
        yield Story("Worth knowing", "paused", order.note)


def _why_and_then(order: OrderProgress) -> str:
    why = sentence(plain(order.reason))
    if not order.undos:
        return f"{why} Nothing had to be undone.".strip()
    undone = all(undo.status in (UndoState.DONE, UndoState.HANDLED) for undo in order.undos)
    return f"{why} Everything that was done has been undone.".strip() if undone else why

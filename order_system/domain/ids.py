"""The names of things: workflow IDs, idempotency keys, task queues. Pure functions.

Everything is derived from the order's ID, so that a person who knows the order can type the ID of
each workflow, and a retry finds what an earlier attempt did."""

import re
from pathlib import PurePosixPath

from order_system.domain.card_numbers import REFUSAL, identifier_holds_card_number
from order_system.domain.errors import InvalidUsage, UnknownOrder
from order_system.domain.steps import Effect, Step

BOOK = "book"
"""The key, in the memo of an order's or a batch's workflow, of the ID of the order book that keeps it."""

RECONCILIATION = "reconciliation"
"""The IDs of the reconciler's runs, and of its schedule, begin with this."""

GATEWAY_CHECK = "GATEWAY-CHECK"
"""The keys under which a gateway's promises are checked begin with this. No order of the book has this ID."""

AFTER_FIRST = "after-first-attempt"
"""The ID of an effect's activity after a first attempt that was a local activity, and failed."""

FINGERPRINT = "fingerprint"
"""The key, in the memo of an order's workflow, of the fingerprint of the content that runs under this ID."""

ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""1 to 64 ASCII letters, digits, `.`, `_`, `-`; the first is a letter or a digit."""

BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

REFUND_ID = re.compile(r"[A-Za-z0-9._]{1,20}", re.ASCII)
"""It has no hyphen, so that the refund's workflow ID shows where the order's ID ends."""


class Key(str):
    """The idempotency key of an effect, `<order id>:<submission>:<effect>`, and its `round`: how often the
    gateway has said a definite no under it, counted up only while no attempt is unanswered. A provider that
    stores a no would repeat it for ever: for that one, put both into the key (`{key}:{key.round}`)."""

    __slots__ = ("round",)

    def __new__(cls, key: str, round: int = 0) -> "Key":  # noqa: A002 - the word for it
        new = super().__new__(cls, key)
        new.round = round
        return new


def is_order_id(text: str) -> bool:
    return ORDER_ID.fullmatch(text) is not None


def order_workflow_id(order_id: str) -> str:
    return f"order-{order_id}"


def order_id_in(workflow_id: str) -> str:
    """Reverses `order_workflow_id`."""
    return workflow_id.removeprefix(order_workflow_id(""))


def reconciliation_id(book_id: str) -> str:
    """Return the ID of the reconciler's schedule, one for each book: `reconciliation-1a2b3c4d`."""
    return f"{RECONCILIATION}-{book_id[:8]}"


def task_queue_of(book: str) -> str:
    """Return the task queue of this order book's workers, unless ORDER_TASK_QUEUE names another."""
    return f"order-fulfillment-{book[:8]}"


def step_queue(queue: str, step: Step) -> str:
    """Return the task queue of a step's activities, if each step has one of its own beside `queue`."""
    return f"{queue}-{step}"


def worker_identity(process: str, book: str) -> str:
    """Return the identity under which the server lists a worker. It is in most events of a history, so it has
    the beginning of the book's ID alone."""
    return f"{process} of book {book[:8]}"


def is_of_book(worker: str, book: str) -> bool:
    """Whether a worker of this identity serves the book, as far as it says."""
    return book.startswith(worker.partition(worker_identity("", ""))[2])


def batch_workflow_id(name: str) -> str:
    return f"batch-{name}"


def batch_name(workflow_id: str) -> str:
    """Reverses `batch_workflow_id`."""
    return workflow_id.removeprefix(batch_workflow_id(""))


def step_workflow_id(step: Step, order_id: str) -> str:
    return f"{step}-{order_id}"


def refund_workflow_id(order_id: str, refund_id: str) -> str:
    return f"refund-{order_id}-{refund_id}"


_OF_AN_ORDER = re.compile(
    rf"(?:order|{'|'.join(Step)})-(?P<order>.+)|refund-(?P<refunded>.+)-{REFUND_ID.pattern}", re.ASCII
)


def order_of_workflow(workflow_id: str) -> str | None:
    """Return the ID of the order whose own workflow, step or refund has this workflow ID; None if there can
    be no such order. An order may also have just this text as its own ID."""
    found = _OF_AN_ORDER.fullmatch(workflow_id)
    order_id = found and (found["order"] or found["refunded"])
    return order_id if order_id and is_order_id(order_id) else None


def webhook_workflow_id(event_id: str) -> str:
    return f"webhook-{event_id}"


def idempotency_key(order_id: str, submission: str, effect: str) -> str:
    """Return `<order id>:<submission>:<effect>`: the same for every retry, another for a fresh submission. A
    refund of a fulfilled order is none of the effects: it has `refund-<its ID>` there."""
    return f"{order_id}:{submission}:{effect}"


def split_key(key: str) -> tuple[str, str, Effect]:
    """Return the order ID, submission and effect of a key. Raises ValueError if it is not one of ours."""
    order_id, submission, effect = key.split(":")
    return order_id, submission, Effect(effect)


def check_order_id(order_id: str) -> None:
    """Raises UnknownOrder for a text that can be no order ID."""
    if not is_order_id(order_id):
        raise UnknownOrder(
            f"{order_id[:80]!r} is no order ID: 1 to 64 letters, digits, '.', '_' or '-', e.g. ORDER-001"
        )


def check_batch_name(name: str) -> None:
    """Raises InvalidUsage for a text that can be no batch name."""
    if BATCH_NAME.fullmatch(name) is None:
        raise InvalidUsage(
            f"{name[:100]!r} is no name for a batch: 1 to 100 letters, digits, '.', '_' or '-', e.g. monday-1"
        )


def check_new_batch_name(name: str) -> None:
    """Check the name of a new batch. It will be part of IDs, the book and addresses, so it may not hold a
    card number, either. Raises InvalidUsage."""
    if identifier_holds_card_number(name):
        raise InvalidUsage(f"the name of a batch {REFUSAL}")
    check_batch_name(name)


def batch_name_for(file: str) -> str:
    """Return the file's own name, made a valid batch name."""
    stem = PurePosixPath(file).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:100] or "orders"

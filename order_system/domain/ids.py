"""Names of things: workflow IDs, idempotency keys, task queues. Pure functions.

Everything is derived from the order's ID, so that a person who knows the order can type the ID of
each workflow, and a retry finds what an earlier attempt did."""

import re
from pathlib import PurePosixPath

from order_system.domain.card_numbers import REFUSAL, identifier_holds_card_number
from order_system.domain.errors import InvalidUsage, UnknownOrder
from order_system.domain.steps import Effect, Step

BOOK = "book"
"""Key in the memo of an order's and of a batch's workflow: the ID of the order book that it is kept in."""

RECONCILIATION = "reconciliation"
"""What the IDs of the reconciler's runs, and of its schedule, begin with."""

GATEWAY_CHECK = "GATEWAY-CHECK"
"""What the keys begin with by which a gateway's promises are played: no order of the book."""

AFTER_FIRST = "after-first-attempt"
"""ID of an effect's activity whose first attempt was a local one, and failed."""

FINGERPRINT = "fingerprint"
"""Key in the memo of an order's workflow: which content runs under this ID."""

ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""1 to 64 ASCII letters, digits, `.`, `_`, `-`; the first is a letter or a digit."""

BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

REFUND_ID = re.compile(r"[A-Za-z0-9._]{1,20}", re.ASCII)
"""Without a hyphen, so that the workflow's ID tells where the order's ends."""


class Key(str):
    """The idempotency key of an effect, `<order id>:<submission>:<effect>`, and its `round`: how often the
    gateway has said a definite no under it, counted up only while no attempt is unanswered. For providers
    that store a no and would repeat it for ever: they put both into their key (`{key}:{key.round}`)."""

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
    """The reconciler's schedule, one a book: `reconciliation-1a2b3c4d`."""
    return f"{RECONCILIATION}-{book_id[:8]}"


def task_queue_of(book: str) -> str:
    """The task queue of the workers of this order book, unless ORDER_TASK_QUEUE names another."""
    return f"order-fulfillment-{book[:8]}"


def step_queue(queue: str, step: Step) -> str:
    """Beside the task queue of everything: that of a step's activities, if each has one of its own."""
    return f"{queue}-{step}"


def worker_identity(process: str, book: str) -> str:
    """What the server lists a worker as."""
    return f"{process} of book {book}"


def book_of(worker: str) -> str | None:
    """Reverses `worker_identity`; None for a worker of an earlier version, which does not say."""
    return worker.partition(worker_identity("", ""))[2] or None


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
    """The ID of the order whose own workflow it is, or a step's or a refund's. None if it can be none. There
    may be an order that has just this ID itself."""
    found = _OF_AN_ORDER.fullmatch(workflow_id)
    order_id = found and (found["order"] or found["refunded"])
    return order_id if order_id and is_order_id(order_id) else None


def webhook_workflow_id(event_id: str) -> str:
    return f"webhook-{event_id}"


def idempotency_key(order_id: str, submission: str, effect: str) -> str:
    """`<order id>:<submission>:<effect>`: the same for every retry, another for a fresh submission. A refund
    after the fact is none of the effects: it has `refund-<its ID>` there."""
    return f"{order_id}:{submission}:{effect}"


def split_key(key: str) -> tuple[str, str, Effect]:
    """The order ID, submission and effect of a key. Raises ValueError if it is not one of ours."""
    order_id, submission, effect = key.split(":")
    return order_id, submission, Effect(effect)


def check_order_id(order_id: str) -> None:
    """Raises UnknownOrder for what can be none."""
    if not is_order_id(order_id):
        raise UnknownOrder(
            f"{order_id[:80]!r} is no order ID: 1 to 64 letters, digits, '.', '_' or '-', e.g. ORDER-001"
        )


def check_batch_name(name: str) -> None:
    """Raises InvalidUsage for what can be none."""
    if BATCH_NAME.fullmatch(name) is None:
        raise InvalidUsage(
            f"{name[:100]!r} is no name for a batch: 1 to 100 letters, digits, '.', '_' or '-', e.g. monday-1"
        )


def check_new_batch_name(name: str) -> None:
    """The same of a name that is given now. It will stand in IDs, in the book and in addresses; so it is
    refused, too, if it holds a card number."""
    if identifier_holds_card_number(name):
        raise InvalidUsage(f"the name of a batch {REFUSAL}")
    check_batch_name(name)


def batch_name_for(file: str) -> str:
    """The file's own name, made valid."""
    stem = PurePosixPath(file).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:100] or "orders"

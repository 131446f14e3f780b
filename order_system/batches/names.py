"""What a batch may be called, and the workflow ID of that name."""

import re
from pathlib import PurePosixPath

from order_system.domain.card_numbers import REFUSAL, identifier_holds_card_number
from order_system.domain.errors import InvalidUsage
from order_system.domain.ids import batch_workflow_id

BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def workflow_id_of(name: str) -> str:
    if BATCH_NAME.fullmatch(name) is None:
        raise InvalidUsage(
            f"{name[:100]!r} is no name for a batch: 1 to 100 letters, digits, '.', '_' or '-', e.g. monday-1"
        )
    return batch_workflow_id(name)


def workflow_id_of_new(name: str) -> str:
    """As `workflow_id_of`, of a batch that is given this name now. It will stand in IDs, in the book and in
    addresses; so it is refused, too, if it holds a card number."""
    if identifier_holds_card_number(name):
        raise InvalidUsage(f"the name of a batch {REFUSAL}")
    return workflow_id_of(name)


def name_of(file: str) -> str:
    """A name for the batch of a file: the file's own, made valid."""
    stem = PurePosixPath(file).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:100] or "orders"

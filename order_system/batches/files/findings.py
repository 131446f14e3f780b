"""What rows turn out to be: an order, or a problem. A problem is told by line and column, and never by what
was found there: it may be a card number."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, cast

from order_system.batches.files.columns import Fields
from order_system.batches.files.quick_check import canonical_texts
from order_system.domain.order import Order

MAX_SHOWN = 5
"""Mistakes told of one order."""


@dataclass(slots=True)
class ParsedOrder:
    """A valid order with the lines that it stands on. What it holds is worked out when it is asked for: a
    plan of a million orders needs little more than their IDs."""

    order_id: str
    first_line: int
    last_line: int
    rows: int
    _source: str | Fields = field(repr=False)
    """The canonical text, or the fields of the one row, which is known to be plain."""
    hold_on_failure: timedelta | None = None
    """Not of the content, so that it is no other order without it."""
    _order: Order | None = field(default=None, repr=False, compare=False)

    @property
    def content(self) -> str:
        """The canonical text."""
        if not isinstance(self._source, str):
            self._source = cast("str", canonical_texts([[(self.first_line, self._source)]])[0])
        return self._source

    @property
    def order(self) -> Order:
        if self._order is None:
            order = Order.model_validate_json(self.content)
            self._order = order.model_copy(update={"hold_on_failure": self.hold_on_failure})
        return self._order

    @property
    def fingerprint(self) -> str:
        """What `order.fingerprint()` is, at less cost."""
        return sha256(self.content.encode()).hexdigest()


class Mistake(NamedTuple):
    line: int
    column: str | None
    """None if it is the whole row's."""
    message: str

    def __str__(self) -> str:
        return (
            f"line {self.line}, {self.column}: {self.message}"
            if self.column
            else (f"line {self.line} {self.message}")
        )


class ProblemKind(StrEnum):
    INVALID = "invalid"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Rows that are not run, each row told once: those of one order, or of none that can be told."""

    first_line: int
    last_line: int
    rows: int
    column: str | None
    """Where the first mistake is."""
    order_id: str | None
    """If it is known, and may be shown."""
    reason: str
    """All mistakes, each with its line and column."""
    kind: ProblemKind = ProblemKind.INVALID


def told(mistakes: Sequence[Mistake]) -> str:
    more = len(mistakes) - MAX_SHOWN
    return "; ".join([*map(str, mistakes[:MAX_SHOWN]), *([f"and {more} more"] if more > 0 else [])])


def duplicate(found: ParsedOrder, first_line: int) -> RowProblem:
    """An order whose ID the file has had before."""
    message = f"is also the ID of line {first_line}; put the rows of an order next to each other"
    reason = str(Mistake(found.first_line, "order_id", message))
    return RowProblem(
        found.first_line,
        found.last_line,
        found.rows,
        "order_id",
        found.order_id,
        reason,
        ProblemKind.DUPLICATE,
    )

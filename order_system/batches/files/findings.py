"""What rows turn out to be: an order, or a problem. A problem is told by line and column, and never by what
was found there: it may be a card number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from order_system.domain.order import Order, fingerprint_of

MAX_SHOWN = 5
"""Mistakes told of one order."""


Content = Order | Callable[[], dict[str, Any]]
"""The order, or what reads it if asked for: a plan of a million orders needs little of it."""


@dataclass(slots=True)
class ParsedOrder:
    """A valid order with the lines that it stands on."""

    order_id: str
    first_line: int
    last_line: int
    rows: int
    _content: Content = field(repr=False)
    total: int
    """Minor units."""
    currency: str
    payment_method: str
    counted_once: bool = False
    """An amount of the whole order stands on its further rows, too, and counts once."""

    @property
    def order(self) -> Order:
        if not isinstance(self._content, Order):
            self._content = Order.model_validate(self._content())
        return self._content

    @property
    def fingerprint(self) -> str:
        content = self._content
        return content.fingerprint() if isinstance(content, Order) else fingerprint_of(content())


class Mistake(NamedTuple):
    line: int
    column: str | None
    """None if it is the whole row's."""
    message: str

    def __str__(self) -> str:
        if self.column is None:
            return f"line {self.line} {self.message}"
        return f"line {self.line}, {self.column}: {self.message}"


class ProblemKind(StrEnum):
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    LEFT_OUT = "left out"
    """An order that its shop has fulfilled, refunded or cancelled: not wrong, and not to be shipped."""


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

    @property
    def is_left_out(self) -> bool:
        return self.kind is ProblemKind.LEFT_OUT


class LeftOut(Exception):
    """The order is not to be shipped."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column)
        self.column = column
        self.reason = f"not to be shipped: {reason}"


class Unfit(Exception):
    """It cannot be told what of the order is to be run."""

    def __init__(self, line: int, column: str, message: str) -> None:
        super().__init__(column)
        self.mistake = Mistake(line, column, message)


def told(mistakes: Sequence[Mistake]) -> str:
    more = len(mistakes) - MAX_SHOWN
    return "; ".join([*map(str, mistakes[:MAX_SHOWN]), *([f"and {more} more"] if more > 0 else [])])


def duplicate(found: ParsedOrder, first_line: int) -> RowProblem:
    """An order whose ID the file has had before."""
    message = f"is also the ID of line {first_line}; only that one is run. Take one of them out"
    return RowProblem(
        first_line=found.first_line,
        last_line=found.last_line,
        rows=found.rows,
        column="order_id",
        order_id=found.order_id,
        reason=str(Mistake(found.first_line, "order_id", message)),
        kind=ProblemKind.DUPLICATE,
    )

"""What is wrong with rows. A message names line and column. It never repeats what was found there, which may
be a card number."""

from collections.abc import Sequence
from typing import NamedTuple

from order_system.domain.order_file import ParsedOrder, ProblemKind, RowProblem

MAX_SHOWN = 5
"""The most mistakes told of one order."""


class Mistake(NamedTuple):
    line: int
    column: str | None
    """None if the mistake is the whole row's."""
    message: str

    def __str__(self) -> str:
        if self.column is None:
            return f"line {self.line} {self.message}"
        return f"line {self.line}, {self.column}: {self.message}"


class LeftOut(Exception):
    """The order is not to be shipped."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column)
        self.column = column
        self.reason = f"not to be shipped: {reason}"


class Unfit(Exception):
    """The rows do not tell what of the order is to be run."""

    def __init__(self, line: int, column: str, message: str) -> None:
        super().__init__(column)
        self.mistake = Mistake(line, column, message)


def told(mistakes: Sequence[Mistake]) -> str:
    more = len(mistakes) - MAX_SHOWN
    return "; ".join([*map(str, mistakes[:MAX_SHOWN]), *([f"and {more} more"] if more > 0 else [])])


def duplicate(found: ParsedOrder, first_line: int) -> RowProblem:
    """Return the problem of an order whose ID the file has had before."""
    message = f"is also the ID of line {first_line}; only that one is run. Take one of them out"
    lines = found.first_line, found.last_line, found.rows
    reason = str(Mistake(found.first_line, "order_id", message))
    return RowProblem(*lines, "order_id", found.order_id, reason, ProblemKind.DUPLICATE)

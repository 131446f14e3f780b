"""Tables for spreadsheets, which run a cell that begins like a formula. An apostrophe in front marks the cell
as text: spreadsheets hide the apostrophe, and our reader removes it again."""

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile(" *[-=+@\t\r\n\uff0d\uff1d\uff0b\uff20]")  # the last four: full width
_AS_TEXT = re.compile(r'="([^"]*)"')
"""Digits that are no number, as spreadsheets and shops write them: `="01067"`."""
DEFUSED = re.compile(f"'{_FORMULA.pattern}")


def defuse(cell: str) -> str:
    """Return the cell in a form that no spreadsheet runs."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def cells_of(values: Iterable[object]) -> list[str]:
    """Return each value as a text that no spreadsheet runs; blank for None."""
    return ["" if value is None else defuse(str(value)) for value in values]


def csv_line(cells: Iterable[str], separator: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerow(cells)
    return text.getvalue()


def undefused(cell: str) -> str:
    """Return the cell as it was before `defuse`, or before a spreadsheet marked it as text."""
    plain = cell[1:] if cell.startswith("'") and DEFUSED.match(cell) else cell
    as_text = plain.startswith("=") and _AS_TEXT.fullmatch(plain)
    return as_text[1] if as_text else plain

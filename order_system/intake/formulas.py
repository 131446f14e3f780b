"""Tables for spreadsheets, which run a cell that begins like a formula. An apostrophe in front says that it
is text: they hide it, and reading such a file we take it away again."""

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile(" *[-=+@\t\r\n\uff0d\uff1d\uff0b\uff20]")  # the last four: full width
_AS_TEXT = re.compile(r'="([^"]*)"')
"""How spreadsheets and shops write digits that are no number: `="01067"`."""
DEFUSED = re.compile(f"'{_FORMULA.pattern}|=\"")


def defuse(cell: str) -> str:
    """The cell so that no spreadsheet runs it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def cells_of(values: Iterable[object]) -> list[str]:
    """Each as a text that no spreadsheet runs; blank for None."""
    return ["" if value is None else defuse(str(value)) for value in values]


def csv_line(cells: Iterable[str], separator: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerow(cells)
    return text.getvalue()


def undefused(cell: str) -> str:
    """The cell as it was before `defuse`, ours or a spreadsheet's."""
    plain = cell[1:] if cell.startswith("'") and DEFUSED.match(cell) else cell
    as_text = _AS_TEXT.fullmatch(plain)
    return as_text[1] if as_text else plain

"""A cell that begins like a formula is run by the spreadsheet that opens the file. An apostrophe in front
says that it is text: spreadsheets hide it, and reading such a file we take it away again."""

import re

_FORMULA = re.compile(" *[-=+@\t\r\n\uff0d\uff1d\uff0b\uff20]")  # the last four: full width
_AS_TEXT = re.compile(r'="([^"]*)"')
"""How spreadsheets and shops write digits that are no number: `="01067"`."""
DEFUSED = re.compile(f"'{_FORMULA.pattern}|=\"")


def defuse(cell: str) -> str:
    """The cell so that no spreadsheet runs it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def undefused(cell: str) -> str:
    """The cell as it was before `defuse`, ours or a spreadsheet's."""
    plain = cell[1:] if cell.startswith("'") and DEFUSED.match(cell) else cell
    as_text = _AS_TEXT.fullmatch(plain)
    return as_text[1] if as_text else plain

"""A cell that begins like a formula is run by the spreadsheet that opens the file. An apostrophe in front
says that it is text: spreadsheets hide it, and reading such a file we take it away again."""

_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four: full width


def defuse(cell: str) -> str:
    """The cell so that no spreadsheet runs it."""
    return f"'{cell}" if _is_formula(cell) else cell


def undefused(cell: str) -> str:
    """The cell as it was before `defuse`, ours or a spreadsheet's."""
    return cell[1:] if cell[:1] == "'" and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    return cell.lstrip(" ").startswith(_STARTS)

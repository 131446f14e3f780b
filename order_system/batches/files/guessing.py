"""A first profile for a file that nobody has described yet, by its first bytes: for a person to check."""

import csv
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

from order_system.batches.files.columns import COLUMNS, shown
from order_system.batches.files.layouts import fitted_layout
from order_system.batches.files.profiles import AMOUNTS, built_in_profiles, parse_profile
from order_system.batches.files.sources import open_source
from order_system.domain.order_file import FileRefused

GUESSED_FROM = 100_000
"""Bytes of the file that are looked at."""
ENCODINGS = ("cp1252", "cp1250", "cp850", "mac_roman")
"""What bytes may mean that are not UTF-8. Not latin-1: whatever the bytes are, they would be text in it."""
SEPARATORS = ",;\t|"
FIRST_LINE = "# A first guess. Hold the sample order against the file before you run it."
BY_LOOK = "  # by its cells, not by its name: check it"
ON_EACH_ROW = '  # on further rows, too: if it is of the row alone, say "per line" under [meaning]'
MAX_WORDS = 5
"""Shown of those that two encodings read differently."""
A_SHARE = '  # amounts, or shares of the goods? Then say "share of line" or "share of order" under [meaning]'
_SHARE = r"0?[.,]\d+|[\d.,]+ ?%"
_TELLS_STATE = re.compile("status|cancel|refund|fulfil|shipped|versendet|storno")
_IS_DONE = re.compile("(?<!un)(fulfilled|shipped)|deliver|cancel|refund|void|expired|complete", re.IGNORECASE)


def first_profile(url: str, roots: Sequence[str]) -> str:
    """As TOML, with a comment wherever a person has to look. Blocks. Raises FileRefused, FileUnreachable."""
    with open_source(url, roots) as source:
        head = source.read(0, GUESSED_FROM)
    whole_lines = head[: head.rfind(b"\n") + 1] or head
    encoding, doubt = _encoding(whole_lines)
    separator, (header, *rows) = _table(whole_lines.decode(encoding, "replace"))
    cells = {name.strip(): [row[at].strip() for row in rows if row[at:]] for at, name in enumerate(header)}
    base = next((name for name in built_in_profiles() if _fits(header, name)), None)
    told = [f"base = {_toml(base)}"] if base else []
    told += [f"separator = {_toml(separator)}", f"encoding = {_toml(encoding)}{doubt}"]
    return "\n".join([FIRST_LINE, *told, *([] if base else _described(cells)), ""])


def _fits(header: Sequence[str], profile: str) -> bool:
    """But for a currency, which not every export names: the sample order tells."""
    given = parse_profile(profile)
    try:
        fitted_layout(header, given.model_copy(update={"constants": {"currency": "", **given.constants}}))
    except FileRefused:
        return False
    return True


def _described(cells: dict[str, list[str]]) -> Iterator[str]:
    columns, by_look = _columns(cells)
    numbers = "\n".join(cell for name in columns.values() for cell in cells[name])
    commas, points = (len(re.findall(rf"^[\d.,]*\d[{sign}]\d\d?$", numbers, re.M)) for sign in ",.")
    yield f"decimal = {_toml(',' if commas > points else '.')}\n\n[columns]"
    ids = cells.get(columns.get("order_id", ""), [])
    for field, name in columns.items():
        doubt = BY_LOOK if field in by_look else ""
        again = (
            cell for one, other, cell in zip(ids, ids[1:], cells[name][1:], strict=False) if one == other
        )
        if field in AMOUNTS and any(again):
            doubt = ON_EACH_ROW
        if field == "discount" and _all_are(_SHARE, (cell for cell in cells[name] if cell.strip("0.,"))):
            doubt = A_SHARE
        yield f"{field} = {_toml(name)}{doubt}"
    for field, (_, required, _) in COLUMNS.items():
        if required and field not in columns:
            yield f'# {field} = "..."  # missing: its column, or below [constants] what it is on all rows'
    for name in cells:
        if name and name not in columns.values():
            yield f"# not used: {_toml(name)}"
    yield "\n[constants]"
    for name in filter(lambda name: _TELLS_STATE.search(_key(name)), cells):
        found = sorted({cell for cell in cells[name] if shown(cell) == cell})
        done = [cell for cell in found if _IS_DONE.search(cell)]
        others = [cell for cell in found if cell not in done]
        if all(re.search(r"\d", cell) for cell in found):
            done, others = ["*"], []  # it tells when, or how much
        yield f"\n[[states]]  # an order in a state that is named nowhere is refused\ncolumn = {_toml(name)}"
        yield f"leave_out = {_toml(done[:MAX_WORDS])}"
        yield f"run = []{f'  # which of {_toml(others[:MAX_WORDS])}?' if others else ''}"


def _toml(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _encoding(text: bytes) -> tuple[str, str]:
    """The likeliest, and a comment on what the next one would make of the words."""
    try:
        text.decode()
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8", ""
    words = dict.fromkeys(re.findall(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*", text))
    readings = {name: [word.decode(name, "replace") for word in words] for name in ENCODINGS}
    first, *others = sorted(ENCODINGS, key=lambda name: -sum(map(_is_spelt_well, readings[name])))
    for other in others:
        pairs = zip(readings[first], readings[other], strict=True)
        if differ := [f"{one} or {two}" for one, two in pairs if one != two][:MAX_WORDS]:
            return first, f"  # or {other}? That reads {', '.join(differ)}"
    return first, ""


def _is_spelt_well(word: str) -> bool:
    return word.isalpha() and (word.islower() or word.istitle() or word.isupper())


def _table(text: str) -> tuple[str, list[list[str]]]:
    """The separator by which most rows are as long as the header, and these rows."""
    lines = re.sub(r"\A\s*(?:sep=.\s+)?", "", text.removeprefix("\ufeff").replace("\0", "")).splitlines()
    tables = {sign: list(filter(any, csv.reader(lines, delimiter=sign))) or [[]] for sign in SEPARATORS}

    def agreement(separator: str) -> tuple[int, int]:
        width = len(tables[separator][0])
        return (width > 1) * sum(len(row) == width for row in tables[separator]), width

    separator = max(SEPARATORS, key=agreement)
    return separator, tables[separator]


def _columns(cells: dict[str, list[str]]) -> tuple[dict[str, str], set[str]]:
    """Field -> the file's column; and those fields that only the cells tell."""
    known = tomllib.loads((files("order_system.batches.files") / "column_names.toml").read_text("utf-8"))
    free = {_key(name): name for name in reversed(cells) if _key(name)}
    columns: dict[str, str] = {}
    for field in COLUMNS:
        key = next((key for key in map(_key, known[field]["names"]) if key in free), None)
        if key is not None:
            columns[field] = free.pop(key)
    by_look = {field for field in COLUMNS if field not in columns and "look" in known[field]}
    for field in sorted(by_look):
        for key, name in free.items():
            if _all_are(known[field]["look"], cells[name]):
                columns[field] = free.pop(key)
                break
    return columns, by_look


def _all_are(pattern: str, cells: Iterable[str]) -> bool:
    """All that are filled; and there are some."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(re.fullmatch(pattern, cell) for cell in filled)


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKD", name.casefold()))

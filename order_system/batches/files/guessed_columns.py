"""Guesses which columns of a file without a profile are the fields of an order: by their names or, where
these do not tell, by their cells. `column_names.toml` has the names that shops and their software use."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any

from order_system.batches.files.columns import COLUMNS

Cells = dict[str, list[str]]
"""Column -> its cells, row by row."""
_Names = dict[str, str]
"""A column's key, as `key_of` makes it, -> the column."""
KNOWN = tomllib.loads((files("order_system.batches.files") / "column_names.toml").read_text("utf-8"))


def columns_of(free: _Names, cells: Cells) -> tuple[dict[str, list[str]], set[str], dict[str, str]]:
    """Return field -> the file's columns; the fields that only cells can tell; and what amounts mean."""
    columns: dict[str, list[str]] = {}
    readings = _readings("street", free, goes_apart=True)
    there, anywhere, _ = (_named(KNOWN["street"], names, cells) for names in readings)
    goes_apart = any(any(cells[name]) for name in there) or not anywhere
    for field in (*COLUMNS, "quantity_left", "line_total"):
        readings = _readings(field, free, goes_apart=goes_apart or field == "customer_name")
        found = [*filter(None, (_named(KNOWN[field], names, cells) for names in readings))]
        if found:  # a column that is blank throughout is the least likely
            columns[field] = next((names for names in found if any(cells[names[0]])), found[0])
            for used in columns[field]:
                del free[key_of(used)]
    meaning = dict[str, str]()
    if "line_total" in columns and "unit_price" not in columns:
        columns["unit_price"], meaning = columns.pop("line_total"), {"unit_price": "line total"}
    by_look = {field for field in COLUMNS if field not in columns and "look" in KNOWN[field]}
    for field in sorted(by_look):
        if key := next(_alike(KNOWN[field], free, cells), None):
            columns[field] = [free.pop(key)]
    if "total" not in columns and _holds_shipping(columns, cells):
        columns["total"] = columns.pop("line_total")
    return columns, by_look, meaning


def _holds_shipping(columns: dict[str, list[str]], cells: Cells) -> bool:
    """Return whether what is named as the price of a line is that of an order, with its shipping, as in
    German exports of eBay."""
    fields = ("quantity", "unit_price", "shipping_fee", "line_total")
    rows = zip(*(cells[columns[field][0]] for field in fields if field in columns), strict=True)
    found = [
        whole == pieces * price + fee
        for row in rows
        if len(row) == len(fields) and all(row)
        for pieces, price, fee, whole in [[int(re.sub(r"\D", "", cell) or 0) for cell in row]]
        if fee
    ]
    return bool(found) and all(found)


def _readings(field: str, free: _Names, *, goes_apart: bool) -> Iterator[_Names]:
    """Yield the columns by name, likeliest first: by whole names, then by names without their word for a
    line. Names without their word for delivery come first if `goes_apart`. Otherwise they come last, since
    they may tell where the parcel is sent from."""
    fields, word, address = (KNOWN["delivery"][key] for key in ("fields", "word", "address"))
    goes = (
        f"(?:{address})?(?>{word})(?:(?:{address})(?!line|ee))?(?=[a-z])|{word}" if field in fields else "$."
    )
    named = ["", KNOWN["beside"].get(field, "$.")]
    for what in [goes, *named] if goes_apart else [*named, goes]:
        yield {re.sub(what, "", key, count=1): name for key, name in free.items() if re.search(what, key)}


def _named(known: dict[str, Any], names: _Names, cells: Cells) -> list[str]:
    """Return the likeliest column with a known name, and those that belong to it."""
    for key in map(key_of, known["names"]):
        if key in names and _suits(known, cells[names[key]]):
            then = [re.sub(old, to, key, count=1) for old, to in known.get("then", ()) if re.search(old, key)]
            found = [names[key]]
            for further in (then, known.get("also", ())):
                found += [names[each] for each in map(key_of, further) if each in names][:1]
            return list(dict.fromkeys(found))
    return []


def _suits(known: dict[str, Any], cells: list[str]) -> bool:
    is_rate = all_are(known.get("rate", "(?!)"), (cell for cell in cells if cell.strip("0.,")))
    return not is_rate and ("every" not in known or all_are(known["every"], cells))


def _alike(known: dict[str, Any], free: _Names, cells: Cells) -> Iterator[str]:
    """Yield the keys of columns whose cells look like the field's. Those named by the field's word, such as
    price, come first: their names may also have a word for the tax, for example. How many pieces there are,
    and what each costs, must not be confused with anything: no other column may look like that."""
    named = [key for key in free if re.search(known.get("word", "^$"), key)]
    alike = [key for key in free if all_are(known["look"], cells[free[key]])]
    unsure = "only" in known and len(alike) > 1
    for key in dict.fromkeys([*named, *(() if unsure else alike)]):
        look = known["look_if_named" if key in named else "look"]
        told = re.sub(known["beside"], "", key) if key in named else key
        if all_are(look, cells[free[key]]) and not re.search(known.get("never", "^$"), told):
            yield key


def all_are(pattern: str, cells: Iterable[str]) -> bool:
    """Return whether all filled cells match, and there are some."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(re.fullmatch(pattern, cell) for cell in filled)


def key_of(name: str) -> str:
    return re.sub(r"[^\w%]|_", "", unicodedata.normalize("NFKD", name.casefold()))

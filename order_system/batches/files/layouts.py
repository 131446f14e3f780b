"""Puts the cells of a CSV row into the fields of our own columns, by the file's own names and order."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from html import unescape
from itertools import compress
from operator import itemgetter
from unicodedata import is_normalized, normalize

from order_system.batches.files.columns import COLUMNS, FIELDS, REJECT_REASON, Fields, hint_at, shown
from order_system.batches.files.made_names import sku_of_name, tidied_id
from order_system.batches.files.profiles import AMOUNTS
from order_system.batches.files.rows import LongLine, Row, Shape, csv_rows
from order_system.domain.order_file import FileRef, FileRefused, Position
from order_system.domain.order_profile import FURTHER_FIELDS, Profile
from order_system.intake.formulas import DEFUSED, undefused

MAX_COLUMNS = 500


@dataclass(frozen=True)
class Layout:
    header: list[str]
    names: dict[str, str]
    """Field -> its name in messages, which is the file's own name of the column."""
    pick: Callable[[list[str], str], Fields]
    """Returns the fields of a proper row, from its cells and text. Other columns have `in_column` keys."""
    id_of: Callable[[str], str]
    """Makes an ID of the cell at `id_place`."""
    id_place: int
    shape: Shape
    profile: Profile
    run_whole: set[object]
    """What `says` returned for the rows of orders that run whole. It is the same for most orders."""
    paid: set[object]
    """The same for orders that are paid."""

    @property
    def decimal(self) -> str:
        return self.profile.decimal or "."

    def rows(
        self, batches: Iterable[list[bytes] | LongLine], start: Position, encoding: str
    ) -> Iterator[Row]:
        """Raises UnicodeDecodeError."""
        return csv_rows(batches, start, encoding, self.shape)

    def pick_order_id(self, cells: Sequence[str]) -> str:
        """Return the order ID, of a broken row, too; blank if it cannot be told."""
        return self.id_of(cells[self.id_place]) if self.id_place < len(cells) else ""

    @cached_property
    def per_line(self) -> list[str]:
        """Amounts that each line of an order has for itself. The others are there once for the order."""
        return [amount for amount in AMOUNTS if self.profile.is_per_line(amount)]

    @cached_property
    def once(self) -> list[str]:
        """Amounts that count once if rows repeat them, although the profile does not say so."""
        return [each for each in ("shipping_fee", "tax", "discount") if each not in self.profile.meaning]

    @cached_property
    def further_parts(self) -> dict[str, list[str]]:
        """Amount -> the keys of the columns that are added to it."""
        several = {field: _keys(more, self.names) for field, (_, *more) in self.profile.columns.items()}
        return {amount: several[amount] for amount in AMOUNTS if several.get(amount)}

    @cached_property
    def says(self) -> Callable[[Fields], object]:
        """Returns a row's cells that tell whether it is to be shipped, and whether it is paid."""
        columns = [state.column for state in self.profile.states]
        if paid := self.profile.paid:
            columns += [*paid.column, *paid.or_else, paid.owed]
        return itemgetter("currency", *_keys(columns, self.names))

    def name_of(self, column: str) -> str:
        """Return the file's own name of a column that is no field's."""
        return self.names.get(in_column(column), _alternatives(column)[0])


def layout_of(ref: FileRef) -> Layout:
    return fitted_layout(ref.columns, ref.profile or Profile())


@cache
def in_column(name: str) -> str:
    """Return the key that a column has in a row's fields if it is no field of an order."""
    return f"[{name}]"


def fitted_layout(header: Sequence[str], profile: Profile) -> Layout:
    """Make the layout. Raises FileRefused, naming all missing, unknown and repeated columns, and the cure."""
    index = _Header(header)
    wanted = _wanted_columns(profile)
    problems = [*index.repeated_columns(wanted.values()), *index.missing_columns(wanted, profile)]
    if not profile.names_columns:
        problems = [*index.unknown_columns(wanted.values()), *problems]
    if problems:
        raise FileRefused("; ".join(problems))

    names = {field: field for field in FIELDS}
    places: dict[str, int] = {}
    texts = dict.fromkeys(FIELDS, "")
    """The texts that fields have on each row: constants, and blanks where the file has no column."""
    for key, name in wanted.items():
        if (column := index.find(name)) is not None:
            names[key], places[key] = shown(header[column].strip()), column
    for field, constant in profile.constants.items():
        names[field], texts[field] = f"{field} (a constant)", _cleaned(constant)

    plain = re.compile(f"[{re.escape(profile.id_strip)} ]*+([A-Za-z0-9][A-Za-z0-9_-]{{0,40}})", re.ASCII)

    def id_of(cell: str) -> str:
        if found := plain.fullmatch(cell):  # as nearly always: the long way takes four times as long
            return f"{profile.id_prefix}{found[1]}"
        return tidied_id(_cleaned(cell), profile)

    pick = _picker(places, texts, profile, id_of)
    numbers = [places[field] for field in ("quantity", "unit_price") if field in places]
    shape = Shape(profile.separator, len(header), numbers)
    return Layout(list(header), names, pick, id_of, places["order_id"], shape, profile, set(), set())


def _wanted_columns(profile: Profile) -> dict[str, str]:
    """Return the key in a row's fields -> the file's column, as the profile spells it. A field's first column
    has the field as its key. Columns that are added to it, or stand for it, have keys of their own."""
    wanted: dict[str, str] = {}
    for field in (*FIELDS, *FURTHER_FIELDS):
        required = field in COLUMNS and (COLUMNS[field][1] or not profile.names_columns)
        own = (field if COLUMNS[field][1] else f"{field}?",) if required else ()
        columns = profile.columns.get(field, own)
        if field not in profile.constants and columns:
            wanted |= {field: columns[0], **{in_column(name): name for name in columns[1:]}}
    further = [name for columns in profile.otherwise.values() for name in columns]
    further += [name for state in profile.states for name in (state.column, state.date)]
    if paid := profile.paid:
        further += [*paid.column, *paid.or_else, paid.owed, paid.amount, *paid.reference]
    further += [profile.not_goods.column] if profile.not_goods else []
    return wanted | {in_column(name): name for name in further if name}


_Parts = dict[str, list[str]]
"""Field -> the keys of its parts."""


def _keys(columns: Iterable[str], known: Container[str]) -> list[str]:
    return [key for key in map(in_column, columns) if key in known]


def _picker(
    places: dict[str, int], texts: Fields, profile: Profile, id_of: Callable[[str], str]
) -> Callable[[list[str], str], Fields]:
    """Make `Layout.pick`, for keys at these places, and with texts that are the same on each row."""
    written = {"separator", "encoding", "decimal"}
    is_plain = not profile.model_dump(exclude=written, exclude_defaults=True)
    further = {field: _keys(more, places) for field, (_, *more) in profile.columns.items()}
    joined = {field: [field, *more] for field, more in further.items() if more and field not in AMOUNTS}
    otherwise = {field: _keys(columns, places) for field, columns in profile.otherwise.items()}
    needed = otherwise.pop("if_filled", [])
    parts = [key for keys in (*joined.values(), *otherwise.values()) for key in keys if key not in joined]
    places = places if is_plain else places | {in_column("order_id"): places["order_id"]}

    paid = profile.paid
    tells_state = {"order_id", "quantity_left", *(in_column(each.column) for each in profile.states)}
    tells_state |= {*map(in_column, (*paid.column, *paid.or_else, paid.owed, paid.amount))} if paid else set()
    blank, keys, picked = dict.fromkeys(places, "") | texts, [*places], itemgetter(*places.values())

    def pick(cells: list[str], text: str) -> Fields:
        if "&" in text or "<" in text:  # one sign is found far sooner than two
            cells = [*map(_as_shown, cells)]
        # Many cells are blank, above all on an order's further rows. A strict zip would take longer.
        fields = blank.copy()
        found: tuple[str, ...] = picked(cells)
        fields.update(zip(compress(keys, found), map(str.strip, filter(None, found))))  # noqa: B905
        if not text.isascii():
            if not is_normalized("NFC", text):
                fields = {key: normalize("NFC", cell) for key, cell in fields.items()}
            if is_plain and not fields["order_id"].isascii():
                fields["order_id"] = id_of(fields["order_id"])
        if ("=" in text and '="' in text) or ("'" in text and DEFUSED.search(text)):
            fields = {key: undefused(cell).strip() for key, cell in fields.items()}
        if "'" in text:  # people put it before digits that a spreadsheet is to leave alone
            fields["postal_code"] = fields["postal_code"].removeprefix("'")
            if fields["sku"][1:].isdigit():
                fields["sku"] = fields["sku"].removeprefix("'")
        if "NULL" in text or "\\" in text:
            fields |= {key: "" for key, cell in fields.items() if cell in NULLS and key not in tells_state}
        if is_plain:
            return fields
        if any(map(fields.get, parts)):
            _tidy(fields, joined, otherwise if not needed or any(map(fields.get, needed)) else {})
        fields["order_id"] = id_of(fields["order_id"])
        if not fields["sku"]:
            fields["sku"] = sku_of_name(fields.get("item_name", ""))
        elif "item_name" in fields:
            fields["item_name"] = ""  # it is kept only if the SKU was made from it
        return fields

    return pick


def _tidy(fields: Fields, joined: _Parts, otherwise: _Parts) -> None:
    """Join the parts of each field. A row without a street takes the columns that `otherwise` has for it."""
    streets, is_there = otherwise.get("street"), fields.__getitem__
    if streets and any(map(is_there, streets)) and not any(map(is_there, joined.get("street", ("street",)))):
        joined = joined | otherwise
    for field, keys in joined.items():
        texts = [text for key in keys if (text := fields[key])]
        if field == "street" and not fields[keys[0]]:
            texts = []  # a flat alone is no street
        fields[field] = (", " if field == "street" else " ").join(texts)


def _as_shown(cell: str) -> str:
    """Return `Caf&eacute;`, `R&amp;amp;D` and `1 Main St<br/>Flat 2` as people read them in a shop."""
    cell = _BREAK.sub("\n", cell)
    while (read := _ENTITY.sub(lambda found: unescape(found[0]), cell)) != cell:
        cell = read
    return cell


NULLS = ("NULL", "\\N")
"""What databases write for nothing. It may tell a state, too, and there it stays."""
_BREAK = re.compile(r"<br */?>")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")


def _cleaned(cell: str) -> str:
    return undefused(normalize("NFC", cell.strip())).strip()


class _Header:
    """Columns by name. Capitals and surrounding blanks do not count. Columns without a name, which
    spreadsheets leave behind, are ignored, and so are the reasons in a file of rejected rows."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(header):
            if _key(name) not in ("", REJECT_REASON):
                self._places.setdefault(_key(name), []).append(place)

    def find(self, name: str) -> int | None:
        """Return a column's place, or None. A profile may spell its name with other names and `?`."""
        found = (self._places.get(_key(each)) for each in (name, *_alternatives(name)))
        return next((places[0] for places in found if places), None)

    def repeated_columns(self, wanted: Iterable[str]) -> list[str]:
        found = dict.fromkeys(place for name in wanted if (place := self.find(name)) is not None)
        counts = {place: len(self._places[_key(self._header[place])]) for place in found}
        return [
            f"the column {shown(self._header[place].strip())} stands there {count} times; rename all but one"
            for place, count in counts.items()
            if count > 1
        ]

    def missing_columns(self, wanted: dict[str, str], profile: Profile) -> list[str]:
        problems: list[str] = []
        not_needed = {*profile.defaults, *(["payment_method"] if profile.paid else [])}
        if self.find(wanted.get("item_name", "")) is not None:
            not_needed.add("sku")  # the SKU is made of the name
        for key, name in wanted.items():
            is_required = key in COLUMNS and COLUMNS[key][1]
            enough = profile.columns.get(key, ()) if name.endswith("?") else (name,)
            may_be_missing = key in not_needed or (name.endswith("?") and not is_required)
            if may_be_missing or any(self.find(each) is not None for each in enough):
                continue
            cure = "; if all orders are in one, say it: currency==USD in a map" if key == "currency" else ""
            if key not in profile.columns and key in COLUMNS:
                problems.append(f"the column {key} is missing{hint_at(key, self._header)}{cure}")
            else:
                names = [shown(each) for each in _alternatives(name)]
                hint = hint_at(_alternatives(name)[0], self._header)
                purpose = f" for {key}" if key in profile.columns else ""
                problems.append(f"there is no column {' or '.join(names)}{purpose}{hint}{cure}")
        return problems

    def unknown_columns(self, wanted: Iterable[str]) -> list[str]:
        """Refuse these if nothing is mapped: a misspelt `dicount` must not pass for no discount."""
        known = {_key(each) for name in wanted for each in _alternatives(name)}
        return [
            f"the column {shown(self._header[places[0]].strip())} is unknown{hint_at(name, FIELDS)}"
            for name, places in self._places.items()
            if name not in known
        ]


def _alternatives(name: str) -> list[str]:
    return name.removesuffix("?").split("|")


def _key(name: str) -> str:
    return _cleaned(name).casefold()

"""From the cells of a CSV row to the fields of our own columns, whatever the file calls and orders them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from order_system.batches.files import shopify
from order_system.batches.files.columns import COLUMNS, FIELDS, REJECT_REASON, Fields, hint_at, shown
from order_system.batches.files.formulas import undefused
from order_system.domain.order_file import ColumnMapping, FileFormat, FileRef, FileRefused

MAX_COLUMNS = 500


@dataclass(frozen=True)
class Layout:
    width: int
    """Cells of a proper row."""
    names: dict[str, str]
    """Field -> what messages call it: the file's own name for the column."""
    pick: Callable[[Sequence[str]], Fields]
    """For a row of `width` cells."""
    pick_order_id: Callable[[Sequence[str]], str]
    """For a broken row, too; blank if it cannot be told."""
    is_shopify: bool = False
    decimal: str = "."
    """The sign before the decimals of amounts and quantities."""


def layout_of(ref: FileRef) -> Layout:
    return fitted_layout(ref.columns, ref.format, ref.mapping)


def fitted_layout(header: Sequence[str], file_format: FileFormat, mapping: ColumnMapping) -> Layout:
    """Raises FileRefused, naming every column that is missing, unknown or repeated, and the cure."""
    is_shopify = file_format is FileFormat.SHOPIFY
    if is_shopify:
        mapping = shopify.preset(mapping, header)
    index = _Header(header)
    problems = [*index.repeated_columns(), *index.missing_columns(mapping)]
    if not mapping.columns and not mapping.constants:
        problems = [*index.unknown_columns(), *problems]
    if problems:
        raise FileRefused("; ".join(problems))

    names: dict[str, str] = {}
    places: dict[str, int] = {}
    texts: dict[str, str] = {}
    """Of fields that are the same on each row: constants, and those that the file has no column for."""
    for field in (*FIELDS, *(shopify.FURTHER_COLUMNS if is_shopify else ())):
        column = index.find(mapping.columns.get(field, field))
        if field in mapping.constants:
            names[field], texts[field] = f"{field} (a constant)", _cleaned(mapping.constants[field])
        elif column is None:
            names[field], texts[field] = field, ""
        else:
            names[field], places[field] = shown(header[column].strip()), column

    def pick(cells: Sequence[str]) -> Fields:
        clean = _cleaned if "'" in "".join(cells) else str.strip
        return texts | {field: clean(cells[place]) for field, place in places.items()}

    def pick_order_id(cells: Sequence[str]) -> str:
        place = places["order_id"]
        return cells[place].strip() if place < len(cells) else ""

    if is_shopify:
        return Layout(
            len(header),
            names,
            lambda cells: shopify.tidied(pick(cells)),
            lambda cells: shopify.tidied_id(pick_order_id(cells)),
            is_shopify=True,
        )
    return Layout(len(header), names, pick, pick_order_id)


def _cleaned(cell: str) -> str:
    return undefused(cell.strip()).strip()


class _Header:
    """Columns by name, as people mean them: capitals and blanks around do not count. A column without a
    name is nobody's (spreadsheets leave such behind), and the reasons of a rejects file are ours."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(header):
            if _key(name) not in ("", REJECT_REASON):
                self._places.setdefault(_key(name), []).append(place)

    def find(self, name: str) -> int | None:
        return self._places.get(_key(name), [None])[0]

    def repeated_columns(self) -> list[str]:
        return [
            f"the column {shown(self._header[places[0]].strip())} stands there {len(places)} times; keep one"
            for places in self._places.values()
            if len(places) > 1
        ]

    def missing_columns(self, mapping: ColumnMapping) -> list[str]:
        problems: list[str] = []
        for field, (_, required, _) in COLUMNS.items():
            wanted = mapping.columns.get(field)
            if wanted is not None and self.find(wanted) is None:
                problems.append(
                    f"there is no column {shown(wanted)} for {field}{hint_at(wanted, self._header)}"
                )
            elif required and wanted is None and field not in mapping.constants and self.find(field) is None:
                problems.append(f"the column {field} is missing{hint_at(field, self._header)}")
        return problems

    def unknown_columns(self) -> list[str]:
        """Refused as long as nothing is mapped: a misspelt `dicount` must not pass for no discount."""
        return [
            f"the column {shown(self._header[places[0]].strip())} is unknown{hint_at(name, FIELDS)}"
            for name, places in self._places.items()
            if name not in FIELDS
        ]


def _key(name: str) -> str:
    return _cleaned(name).casefold()

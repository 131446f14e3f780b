"""Our own CSV columns, and how another file's columns are mapped to them."""

import csv
from collections.abc import Iterable
from difflib import get_close_matches

from order_system.domain.card_numbers import holds_card_number
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_profile import Profile
from order_system.intake.documents import Place, spell
from order_system.intake.reader import examine_value

COLUMNS: dict[str, tuple[Place, bool, str]] = {
    "order_id": (("order_id",), True, "yours; repeated on each row of the order"),
    "currency": (("currency",), True, "ISO 4217, such as USD"),
    "customer_name": (("customer", "name"), True, ""),
    "customer_email": (("customer", "email"), True, ""),
    "payment_method": (("payment_method",), True, "the payment gateway's token, never a card number"),
    "street": (("shipping_address", "street"), True, ""),
    "city": (("shipping_address", "city"), True, ""),
    "region": (("shipping_address", "region"), False, "state or province"),
    "postal_code": (("shipping_address", "postal_code"), False, ""),
    "country": (("shipping_address", "country"), True, "ISO 3166-1 alpha-2, such as US"),
    "sku": (("lines", 0, "sku"), True, "up to 64 characters; rows of one SKU at one price are added up"),
    "quantity": (("lines", 0, "quantity"), True, "1 to 10,000"),
    "unit_price": (("lines", 0, "unit_price"), True, "decimal text, such as 29.99"),
    "shipping_fee": (("shipping_fee",), False, "of the whole order, as the three that follow"),
    "tax": (("tax",), False, ""),
    "discount": (("discount",), False, "subtracted"),
    "total": (("total",), False, "lines + shipping_fee + tax - discount; checked when given"),
    "hold_on_failure": (("hold_on_failure",), False, "such as 2h: see [Holding](#holding-an-order)"),
    "flow": (("flow",), False, "sequential or parallel, if not as the batch says"),
    "capture": (("capture",), False, "at_once or on_dispatch, if not as the batch says"),
}
"""Column -> its place in the order document, whether a file must have it, and a note for docs/files.md.

`sku`, `quantity` and `unit_price` are the row's own. The others belong to the order: they stand on its first
row, and on its further rows are the same or blank."""

FIELDS = tuple(COLUMNS)
LINE_FIELDS = ("sku", "quantity", "unit_price")
ORDER_FIELDS = tuple(field for field in FIELDS if field not in LINE_FIELDS)

Fields = dict[str, str]
"""The cells of one row by FIELDS (some formats have more), without surrounding blanks. A field without a
column is blank."""
NumberedRow = tuple[int, Fields]
"""The row's line number in the file, and its fields."""

REJECT_REASON = "reject_reason"
"""The column (in JSON Lines the key) that a file of rejected rows has in addition. It is ignored, so that
such a file can be mended and run."""


def column_at(place: Place) -> str | None:
    """Return the column that holds a place of the order document; None if no single one does."""
    return _AT_PLACE.get(tuple(0 if isinstance(part, int) else part for part in place))


_AT_PLACE = {place: field for field, (place, _, _) in COLUMNS.items()}


def parse_mapping(text: str) -> Profile:
    """Parse `order_id=orderID,sku=productID,currency==USD`: our field, `=` and the file's column, or `==` and
    a constant. An entry with a comma in it is put in double quotes. Raises InvalidUsage."""
    columns: dict[str, tuple[str, ...]] = {}
    constants: dict[str, str] = {}
    for entry in _entries(text):
        field, separator, target = (part.strip() for part in entry.partition("="))
        is_constant, target = target.startswith("="), target.removeprefix("=").strip()
        if not separator or not target:
            raise InvalidUsage(
                "a mapping is made of field=column and field==constant, separated by commas, such as "
                "order_id=orderID,currency==USD"
            )
        if field not in COLUMNS:
            raise InvalidUsage(
                f"mapping: {shown(field)} is no field of an order{hint_at(field, FIELDS)}; the fields "
                f"are {', '.join(FIELDS)}"
            )
        if field in columns or field in constants:
            raise InvalidUsage(f"mapping: {field} is mapped twice")
        if is_constant:
            check_constant(field, target)
            constants[field] = target
        else:
            columns[field] = (target,)
    return Profile(columns=columns, constants=constants)


def _entries(text: str) -> list[str]:
    try:
        entries = next(csv.reader([text], strict=True, skipinitialspace=True), list[str]())
    except csv.Error:
        entries = [""]
    return [entry for entry in entries if entry.strip()] or [""]


def check_constant(field: str, value: str) -> None:
    """Raises InvalidUsage for a bad constant, which would refuse every row of the file."""
    if field in ("order_id", "sku", "unit_price"):
        raise InvalidUsage(f"mapping: {field} cannot be a constant; name the column that holds it")
    place = COLUMNS[field][0]
    document: object = int(value) if field == "quantity" and value.isdecimal() else value
    for part in reversed(place):
        document = {part: document} if isinstance(part, str) else [document]
    _, problems = examine_value(document)
    message = next((problem.message for problem in problems if problem.place == place), None)
    if message:
        raise InvalidUsage(f"mapping: {field} {message}")


def shown(name: str) -> str:
    """Return a name from a file or a command line, as far as it may be repeated."""
    if holds_card_number(name):
        return "(a card number)"
    return name if name.isprintable() and 0 < len(name) <= 60 else spell((name,))


def hint_at(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, to end a message with; blank if there is none."""
    spellings = {each.strip().casefold(): each.strip() for each in known}
    similar = get_close_matches(name.strip().casefold(), spellings, n=1, cutoff=0.7)
    return f" (did you mean {shown(spellings[similar[0]])}?)" if similar else ""

"""The strict reader: it turns files and texts into `domain.order.Order`, or reports every mistake at once.

Each mistake is one line: `orders.json: order 3 (ORDER-003), lines[0].quantity: must be ...`. Messages give
the place and the rule, and never what was found there: a card number may be pasted into any field. For the
same reason errors are raised outside of `except` blocks: inside, Python would chain them to the errors of
pydantic and json, which hold the whole document."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from order_system.domain.card_numbers import REFUSAL, holds_card_number, identifier_holds_card_number
from order_system.domain.errors import InvalidOrder
from order_system.domain.ids import is_order_id
from order_system.domain.order import Order
from order_system.intake.bill import Bill, Form, LineForm
from order_system.intake.documents import Document, Place, UnreadableText, flaws, read_documents, spell
from order_system.intake.fields import IDENTIFIERS, MAX_QUANTITY, RULES
from order_system.intake.form import AddressForm, CustomerForm, OrderForm, order_document, order_schema

__all__ = ["OrderForm", "order_document", "order_schema", "read_orders"]

Model = TypeVar("Model", bound=BaseModel)

MAX_SHOWN = 20
"""The most mistakes in one message. A file that was exported wrongly is wrong on every line."""


@dataclass(frozen=True)
class Problem:
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{spell(self.place)}: {self.message}" if self.place else self.message


def read_orders(data: str | bytes, source_name: str) -> list[Order]:
    """Return the orders in a JSON text: one order, an array, or one on each line.

    Raises InvalidOrder if there is any mistake. Its message lists the mistakes of the whole text."""
    documents, unreadable = _documents(data)
    if unreadable:
        raise InvalidOrder(f"{source_name}: {unreadable}")

    orders: list[Order] = []
    problems: list[str] = []
    first_place: dict[str, str] = {}
    for number, document in enumerate(documents, 1):
        place = f"line {document.line}, order {number}" if document.line else f"order {number}"
        order_id = presentable_id(document.value)
        order, found = examine(document)
        if order_id and first_place.setdefault(order_id, place) != place:
            found.append(Problem(("order_id",), f"is also the ID of {first_place[order_id]}"))
        name = f"{source_name}: {place} ({order_id})" if order_id else f"{source_name}: {place}"
        problems.extend(f"{name}, {problem}" if problem.place else f"{name} {problem}" for problem in found)
        if order:
            orders.append(order)

    if problems:
        more = len(problems) - MAX_SHOWN
        raise InvalidOrder("\n".join(problems[:MAX_SHOWN] + ([f"... and {more} more"] if more > 0 else [])))
    return orders


def _documents(data: str | bytes) -> tuple[list[Document], str | None]:
    try:
        documents = read_documents(data)
    except UnreadableText as error:
        return [], str(error)
    return documents, None if documents else "holds no orders"


def presentable_id(document: object) -> str | None:
    """Return the order's ID, if it may be shown."""
    order_id = document.get("order_id") if isinstance(document, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if isinstance(order_id, str) and is_order_id(order_id) and not identifier_holds_card_number(order_id):
        return order_id
    return None


def examine(document: Document) -> tuple[Order | None, list[Problem]]:
    """Return the order, or what is wrong with it: the first mistake at each place."""
    if document.broken:
        return None, [Problem((), document.broken)]
    return examine_value(document.value, flaws(document.value))


def examine_value(
    value: object, found: Iterable[tuple[Place, str]] = ()
) -> tuple[Order | None, list[Problem]]:
    """Do the same for a value that came from no JSON and so has no `flaws`, or whose flaws were `found`."""
    problems = {place: Problem(place, message) for place, message in found}
    form = _validated(OrderForm, value, problems)
    if form is None:
        _validated(Bill, value, problems)
    if form is None or problems:
        return None, list(problems.values())
    return form.to_order(), []


def _validated(model: type[Model], document: object, problems: dict[Place, Problem]) -> Model | None:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            problems.setdefault(mistake["loc"], Problem(mistake["loc"], _in_our_words(mistake)))
    return None


def _in_our_words(mistake: ErrorDetails) -> str:
    kind, given, details = mistake["type"], mistake["input"], mistake.get("ctx", {})
    is_of_unknown_field = kind in ("extra_forbidden", "invalid_key")  # its name may hold a card number
    if is_of_unknown_field and holds_card_number([*mistake["loc"][-1:], given]):
        return REFUSAL
    is_identifier = isinstance(given, str) and IDENTIFIERS.issuperset(mistake["loc"][-1:])
    holds = identifier_holds_card_number if is_identifier else holds_card_number
    if isinstance(given, str | int) and holds(given):
        return REFUSAL + (_IF_NONE if mistake["loc"][-1:] in (("order_id",), ("sku",)) else "")
    if kind == "value_error":
        return str(details["error"])
    if kind == "string_pattern_mismatch":
        return RULES[details["pattern"]]
    if kind not in _PHRASES:
        return mistake["msg"]
    form = _form_at(mistake["loc"][:-1] if kind == "extra_forbidden" else mistake["loc"])
    return _PHRASES[kind].format(fields=", ".join(form.model_fields), **details)


_IF_NONE = "; if it is no card's, put a letter between its digits"
_PHRASES = {
    "missing": "is missing",
    "enum": "must be {expected}",
    "extra_forbidden": "is not a field of an order; the fields here are {fields}",
    "model_type": "must be an object in braces, with {fields}",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "string_unicode": "must be valid Unicode text",
    "int_type": "must be a whole number, without quotes or a decimal point",
    "greater_than_equal": f"must be between 1 and {MAX_QUANTITY:,}",
    "less_than_equal": f"must be between 1 and {MAX_QUANTITY:,}",
    "list_type": "must be a list in square brackets",
    "too_short": "must hold at least one line",
    "too_long": "must hold at most {max_length} lines",
}


def _form_at(place: Place) -> type[Form]:
    match place:
        case ("customer",):
            return CustomerForm
        case ("shipping_address",):
            return AddressForm
        case ("lines", _):
            return LineForm
        case _:
            return OrderForm

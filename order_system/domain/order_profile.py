"""A profile: what the columns of a shop's file of orders mean. People write it as TOML.

    base = "shopify"          # begin with a built-in profile; what follows overrides it
    id_prefix = "shopA-"

    [columns]                 # field = "column", or several: texts are joined, amounts added up
    street = ["Address 1|Address", "Address 2?"]   # `|`: or else; `?`: the file need not have this column

A profile is part of the reference to a file, and so is stored with each batch that runs the file."""

import unicodedata
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from order_system.domain.order import Strict

Amounts = Literal["per order", "per line", "share of line", "share of order", "unclear"]
Meaning = Literal["each", "line total", "same item", "own item", Amounts]

FURTHER_FIELDS = ("item_name", "subtotal", "quantity_left", "line_total", "line_id", "line_discount")
"""Fields that a profile may name beside an order's own: the name that makes a SKU where there is none, the
sum of the lines less their discounts, how much of a line is still to be shipped, the price of a whole line
(that of each piece may be rounded), what tells one line from all others, and the discount on a whole line."""

UNCHECKED = (
    "the profile is a guess, and a wrong one charges or ships what it must not: look at each of its lines, "
    "then take out the line `guessed = true`"
)


def _several(value: object) -> object:
    return ((value,) if value else ()) if isinstance(value, str) else value


def as_state(text: str) -> str:
    """Return the form in which states are compared: neither case nor the kind of blanks matters."""
    return " ".join(text.casefold().split())


def _comparable(states: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(as_state(unicodedata.normalize("NFC", state)) for state in states)


Several = Annotated[tuple[str, ...], BeforeValidator(_several)]
Columns = Annotated[Several, Field(min_length=1)]
States = Annotated[tuple[str, ...], AfterValidator(_comparable)]


class State(Strict):
    """A column with the state of an order, or of one of its lines, in the shop. An order whose state is named
    nowhere is refused."""

    column: str
    of: Literal["order", "line", "all lines"] = "order"
    """`line`: lines are left out one by one. `all lines`: the same for lines that need no shipping; an order
    that is not paid may not have such lines beside others."""
    run: States = ()
    """`0` is zero in any spelling, such as `EUR 0.00`; `*` in a state stands for any letters. A state that
    fits a pattern here and one in `leave_out` is refused, unless the one here is `*` alone."""
    partly: States = ()
    """States in which an order is run with the lines that are left, if the file says which."""
    leave_out: States = ()
    """States in which an order or line is left out, written as in `run`. `*` alone: any other but `NULL`."""
    words: dict[str, str] = Field(default_factory=dict)
    """State in small letters, possibly with `*` -> its words for people, such as "cancelled in the shop"."""
    date: str = ""
    """The column with the date of the state."""


class Paid(Strict):
    """How to find orders that are paid already. They are never charged: they get `paid:REFERENCE`."""

    reference: Several = ()
    """The reference is in the first of these columns that is filled; if none is, it is the order's ID."""
    column: Several = ()
    """The first of these that is filled tells whether an order is paid. If none is named, all orders are."""
    or_else: Several = ()
    """The same as `column`, for a file that has none of those."""
    or_else_states: States = ()
    """What means "paid" in the columns of `or_else`, if not `states`."""
    states: States = ()
    """What means "paid". `*` is anything, such as a date, but for a blank, zeros, words such as `NULL` or
    `no`, and what is in `unpaid`."""
    unpaid: States = ()
    """What means "not paid". `*` in a state stands for any letters."""
    refuse: States = ()
    """States in which the shop has still to get its money, or some of it."""
    owed: str = ""
    """The column of what is still to be paid."""
    amount: str = ""
    """The column of what has been paid. The rest of the total is still to be paid."""


class NotGoods(Strict):
    """How to find rows of an order that are no goods, but a part of what it costs."""

    column: str
    """What is found here is written as in `run` of a state. A row with anything else is goods."""
    shipping_fee: States = ()
    tax: States = ()
    discount: States = ()


class Profile(Strict):
    guessed: bool = False
    """True if `batch profile` has made it and nobody has looked yet: it can be planned with, but not run."""
    format: Literal["csv"] = "csv"
    separator: Annotated[str, Field(pattern=r'^[^\s"\w]$|^\t$')] = ","
    encoding: str = "utf-8"
    decimal: Literal[".", ","] | None = None
    """The decimal sign of amounts and quantities. None: a point, but what may be thousands is refused."""
    columns: dict[str, Columns] = Field(default_factory=dict)
    """Field -> columns. A field that is not named is not read, except for the required ones of ours."""
    otherwise: dict[str, Several] = Field(default_factory=dict)
    """The same, for rows whose `street` is blank: a billing address, for example. `if_filled`: only for rows
    that have something in one of these columns, if the file has one."""
    constants: dict[str, str] = Field(default_factory=dict)
    """Field -> the value that it has on every row."""
    defaults: dict[str, str] = Field(default_factory=dict)
    """Field -> what a blank cell means."""
    meaning: dict[str, Meaning] = Field(default_factory=dict)
    """Amount -> what it is of. `unit_price`: each piece, or the whole line. Others: the order or each line,
    and an amount or a share of the goods, 0.15 or 15%. `unclear`: nobody knows, so an order that has it on
    several rows is refused. `free_line`: whether a row that costs nothing, and names the item of another row,
    is the same item once more or a gift."""
    included: tuple[Literal["tax", "discount"], ...] = ()
    """Amounts that prices may already include, or that `shipping_fee` may already lack. The total tells."""
    id_prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,30})?$")] = ""
    id_strip: str = ""
    """Characters that may stand before an ID, and are not part of it."""
    id_replace: Annotated[str, Field(pattern=r"^[._-]?$")] = ""
    """What replaces each character that no ID may have. Blank: such an ID is refused."""
    sums_first: bool = False
    """True if an order of several lines begins with a row that has the order's sums, and names no item."""
    footers: States = ()
    """Lines of the file that are no orders; `*` is any characters. Only a line that lacks cells is one."""
    states: tuple[State, ...] = ()
    paid: Paid | None = None
    not_goods: NotGoods | None = None

    @property
    def names_columns(self) -> bool:
        return bool(self.columns or self.constants)

    def is_per_line(self, field: str) -> bool:
        return self.meaning.get(field) in ("per line", "share of line")


AMOUNT_MEANINGS = get_args(Amounts)

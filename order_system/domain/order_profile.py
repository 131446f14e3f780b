"""A profile: what the columns of a shop's file of orders mean. People write it as TOML.

    base = "shopify"          # begin with a built-in profile; what follows comes first
    id_prefix = "shopA-"

    [columns]                 # field = "column", or several: texts are joined, amounts added up
    street = ["Address 1|Address", "Address 2?"]   # `|`: or else; `?`: the file need not have this column

It is part of the reference to a file, and so stored with each batch that runs it."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from order_system.domain.order import Strict

Amounts = Literal["per order", "per line", "share of line", "share of order", "unclear"]
Meaning = Literal["each", "line total", "same item", "own item", Amounts]

FURTHER_FIELDS = ("item_name", "subtotal", "quantity_left", "line_total", "line_id", "line_discount")
"""Fields that a profile may name beside an order's own: the name that a SKU is made from where there is none,
the sum of the lines less what is taken off them, how much of a line is still to be shipped, what all of a
line costs, for where the price of each piece is rounded, what tells one line from all others, and what is
taken off all of a line."""


UNCHECKED = (
    "the profile is a guess, and a wrong one charges or ships what it must not: look at each of its lines, "
    "then take out the line `guessed = true`"
)


def _several(value: object) -> object:
    return ((value,) if value else ()) if isinstance(value, str) else value


def _small(states: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(state.casefold() for state in states)


Columns = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
States = Annotated[tuple[str, ...], AfterValidator(_small)]
"""Capitals do not count."""


class State(Strict):
    """A column that tells how an order, or a line of one, stands in its shop. A state that is named nowhere
    refuses the order."""

    column: str
    of: Literal["order", "line", "all lines"] = "order"
    """`line`: lines are left out one by one. `all lines`: the same of lines that need no shipping, which an
    order that is not paid may not have beside others."""
    run: States = ()
    """`0` is nothing in any spelling, as `EUR 0.00`; `*` in a state stands for any letters. What is like a
    pattern here and one in `leave_out` is refused, but for `*` alone."""
    partly: States = ()
    """Run with the lines that are left, if the file says which."""
    leave_out: States = ()
    """Likewise; `*` alone is any other state."""
    words: dict[str, str] = Field(default_factory=dict)
    """State in small letters, or `*` in one -> how people are told of it, as "cancelled in the shop"."""
    date: str = ""
    """The column that tells since when."""


class Paid(Strict):
    """Orders that are paid already, and never charged: their payment method is `paid:REFERENCE`."""

    reference: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """The first of these columns that is filled, and that no spreadsheet has cut short; if none is, the
    order's ID stands for it."""
    column: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """The first of these that is filled tells whether an order is paid; none named: all are."""
    or_else: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """The same, for a file that has none of the former."""
    or_else_states: States = ()
    """What in these means that it is paid, if not `states`."""
    states: States = ()
    """`*` is any that is not blank, such as a date, nor among `unpaid`."""
    unpaid: States = ()
    """`*` in one stands for any letters."""
    refuse: States = ()
    """States in which the shop has still to get its money, or some of it."""
    owed: str = ""
    """The column of what is still to be paid."""
    amount: str = ""
    """The column of what has been paid: what the total is more than that is still to be paid."""


class Profile(Strict):
    guessed: bool = False
    """By `batch profile`, and nobody has looked yet: it can be planned with, and not run."""
    format: Literal["csv"] = "csv"
    separator: Annotated[str, Field(pattern=r'^[^\s"\w]$|^\t$')] = ","
    encoding: str = "utf-8"
    decimal: Literal[".", ","] | None = None
    """Before the decimals of amounts and quantities. None: a point, but what may be thousands is refused."""
    columns: dict[str, Columns] = Field(default_factory=dict)
    """Field -> columns. What is not named is not read, but for the required ones of our own columns."""
    otherwise: dict[str, Columns] = Field(default_factory=dict)
    """The same, for rows whose `street` is blank: a billing address, for example."""
    constants: dict[str, str] = Field(default_factory=dict)
    """Field -> the value that it has on every row."""
    defaults: dict[str, str] = Field(default_factory=dict)
    """Field -> what a blank cell means."""
    meaning: dict[str, Meaning] = Field(default_factory=dict)
    """Amount -> whether it is of each piece or of all of a line (`unit_price`); and whether it stands there
    once for the order or on each line, as an amount or as a share of the goods, 0.15 or 15% (the others).
    `unclear`: nobody knows, so an order that has it on several rows is refused. And whether a row that costs
    nothing, and names the item of another row, is that one once more or a gift (`free_line`)."""
    included: tuple[Literal["tax", "discount"], ...] = ()
    """Amounts that may be in the prices, or off `shipping_fee`, already. The total tells."""
    id_prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,30})?$")] = ""
    id_strip: str = ""
    """Signs that an ID may begin with, and that are no part of it."""
    id_replace: Annotated[str, Field(pattern=r"^[._-]?$")] = ""
    """What stands for each sign that no ID may have. Blank: such an ID is refused."""
    sums_first: bool = False
    """An order of several lines begins with a row that names no item, and has what belongs to the order."""
    footers: States = ()
    """Lines of the file that are no orders, with `*` for any signs. Only what has not all cells is one."""
    states: tuple[State, ...] = ()
    paid: Paid | None = None

    @property
    def names_columns(self) -> bool:
        return bool(self.columns or self.constants)

    def is_per_line(self, field: str) -> bool:
        return self.meaning.get(field) in ("per line", "share of line")


AMOUNT_MEANINGS = get_args(Amounts)

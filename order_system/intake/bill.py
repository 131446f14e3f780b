"""What an order costs: the part of the order document that money depends on, and whether it adds up."""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from order_system.domain import money
from order_system.intake.documents import Place
from order_system.intake.fields import Amount, Currency, Quantity, Sku

MAX_LINES = 200
COSTS_NOTHING = "must be more than zero: an order that costs nothing has no payment; ship it by hand"

_parse_amount = lru_cache(maxsize=10_000)(money.parse_amount)
"""Cached: the same amounts come again and again, and each is needed three times. Refusals are not cached."""


class Form(BaseModel):
    """A strict model: it refuses unknown fields, and converts none."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class LineForm(Form):
    sku: Annotated[Sku, Field(description="Each SKU once at one price.", examples=["LAPTOP-789"])]
    quantity: Annotated[Quantity, Field(examples=[1])]
    unit_price: Annotated[Amount, Field(description="In quotes; 0 for a gift.", examples=["999.99"])]


class Bill(Form):
    """The part of an order that money depends on. On its own it ignores the rest of the document, so that a
    wrong sum is found and reported even if an e-mail address is wrong, too."""

    model_config = ConfigDict(extra="ignore")

    currency: Annotated[Currency, Field(description="ISO 4217, in circulation.", examples=["USD"])]
    lines: Annotated[list[LineForm], Field(min_length=1, max_length=MAX_LINES)]
    shipping_fee: Annotated[Amount | None, Field(examples=["0.00"])] = None
    tax: Annotated[Amount | None, Field(examples=["0.00"])] = None
    discount: Annotated[Amount | None, Field(description="Subtracted.", examples=["0.00"])] = None
    total: Annotated[
        Amount | None,
        Field(description="lines + shipping_fee + tax - discount; checked when given.", examples=["1059.97"]),
    ] = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        problems = [*self._repeated_lines(), *self._unfit_amounts()] or [*self._wrong_sums()]
        if problems:
            raise ValidationError.from_exception_data(
                type(self).__name__,
                [
                    InitErrorDetails(
                        type="value_error", loc=place, input=None, ctx={"error": ValueError(message)}
                    )
                    for place, message in problems
                ],
            )
        return self

    def _repeated_lines(self) -> Iterator[tuple[Place, str]]:
        """Find lines of one SKU and one price. One SKU may have two prices: buy one, get one half off."""
        first: dict[tuple[str, Decimal], int] = {}
        for index, line in enumerate(self.lines):
            place = first.setdefault((line.sku, Decimal(line.unit_price)), index)
            if place != index:
                yield (
                    ("lines", index, "sku"),
                    f"merge it into lines[{place}], which has the same SKU and price",
                )

    def _unfit_amounts(self) -> Iterator[tuple[Place, str]]:
        amounts: list[tuple[Place, str | None]] = [
            *((("lines", index, "unit_price"), line.unit_price) for index, line in enumerate(self.lines)),
            *(((name,), getattr(self, name)) for name in ("shipping_fee", "tax", "discount", "total")),
        ]
        for place, amount in amounts:
            try:
                self.minor(amount)
            except money.InvalidAmount as error:
                yield place, str(error)

    def _wrong_sums(self) -> Iterator[tuple[Place, str]]:
        lines = sum(line.quantity * self.minor(line.unit_price) for line in self.lines)
        fee, tax, discount = self.minor(self.shipping_fee), self.minor(self.tax), self.minor(self.discount)
        total = lines + fee + tax - discount
        if total < 0:
            yield ("discount",), f"must not exceed the rest of the order, {self._show(lines + fee + tax)}"
        elif total == 0:
            # Every order begins with a payment, and gateways take no payment of zero.
            yield ("total",), COSTS_NOTHING
        elif total > money.MAX_AMOUNT:
            yield ("total",), f"must not exceed {self._show(money.MAX_AMOUNT)}"
        elif self.total is not None and self.minor(self.total) != total:
            parts = f"lines {self._show(lines)} + shipping_fee {self._show(fee)} + tax {self._show(tax)}"
            rest = self.minor(self.total) - total
            unexplained = f"{self._show(abs(rest))} {'more' if rest > 0 else 'less'} is not explained"
            yield (
                ("total",),
                f"must be {self._show(total)}: {parts} - discount {self._show(discount)}; {unexplained}",
            )

    def minor(self, amount: str | None) -> int:
        """Return an amount of this bill in minor units; 0 if it was left out."""
        return 0 if amount is None else _parse_amount(amount, self.currency)

    def _show(self, minor: int) -> str:
        return money.format_amount(minor, self.currency)

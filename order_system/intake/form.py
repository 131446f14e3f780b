"""The order document that people and shops hand in. It is checked strictly before it becomes an `Order`.

Amounts are decimal text in quotes. JSON numbers are refused, since `30` may mean dollars or cents, and
`29.99` is no longer exact once read. Unknown fields are refused at every level, so that a misspelt `dicount`
does not pass for an order without a discount.

`reader.py` is the way in. Code that validates these models directly must not show pydantic's errors to
anybody: their `input` holds what was refused, and that may be a card number."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from order_system.domain import money
from order_system.domain.order import Capture, Flow, Handling, Order
from order_system.domain.wording import duration_text, parse_duration
from order_system.intake.bill import Bill, Form
from order_system.intake.fields import (
    Country,
    Email,
    Hold,
    LabelLine,
    OptionalLabelLine,
    OrderId,
    PaymentToken,
)


class CustomerForm(Form):
    name: Annotated[LabelLine, Field(examples=["Ada"])]
    email: Annotated[Email, Field(examples=["ada@example.com"])]


class AddressForm(Form):
    street: Annotated[LabelLine, Field(examples=["1 Main St"])]
    city: Annotated[LabelLine, Field(examples=["Portland"])]
    region: Annotated[OptionalLabelLine, Field(description='State or province; "" if none.', examples=["OR"])]
    postal_code: Annotated[
        OptionalLabelLine, Field(description='"" if the country has none.', examples=["97201"])
    ]
    country: Annotated[Country, Field(description="ISO 3166-1 alpha-2, capitals.", examples=["US"])]


class OrderForm(Bill):
    """An order as it is handed in. Every field has the right form, and the sums add up."""

    model_config = ConfigDict(extra="forbid", title="Order")

    order_id: Annotated[OrderId, Field(description="Yours; one order for ever.", examples=["ORDER-001"])]
    customer: CustomerForm
    payment_method: Annotated[
        PaymentToken,
        Field(
            description="A token of the payment gateway, never a card number. Of an order that is paid "
            "already, `paid:` and the payment's reference: then nothing is charged. Of a card that your "
            "checkout has authorised, `authorised:` and its reference: captured when the parcel goes.",
            examples=["pm_card_ok", "paid:ch_123", "authorised:pi_123"],
        ),
    ]
    shipping_address: AddressForm
    hold_on_failure: Annotated[
        Hold | None,
        Field(
            description="How long to wait for a person when a step has failed for good, before the order is "
            "undone: 90s, 15m, 2h, 3d; at most 30d. Undone at once if left out.",
            examples=["2h"],
        ),
    ] = None
    flow: Annotated[
        Flow | None,
        Field(
            description="`sequential`: one step after another. `parallel`: payment and inventory side by "
            "side. ORDER_FLOW, if left out.",
            strict=False,
        ),
    ] = None
    capture: Annotated[
        Capture | None,
        Field(
            description="`at_once`: with the payment. `on_dispatch`: payment authorises, and the money is "
            "taken when the parcel goes. ORDER_CAPTURE, if left out.",
            strict=False,
        ),
    ] = None

    def to_order(self) -> Order:
        content = self.model_dump(exclude={"total"})
        for line in content["lines"]:
            line["unit_price"] = self.minor(line["unit_price"])
        for amount in ("shipping_fee", "tax", "discount"):
            content[amount] = self.minor(content[amount])
        if self.hold_on_failure:
            content["hold_on_failure"] = parse_duration(self.hold_on_failure)
        return Order.model_validate(content)


def order_document(order: Order) -> dict[str, Any]:
    """Return the complete document of an order, in one fixed spelling. Reverses `OrderForm.to_order`."""

    def text(minor: int) -> str:
        return money.decimal_text(minor, order.currency)

    hold, how = order.hold_on_failure, {"flow": order.flow, "capture": order.capture}
    document = order.model_dump(exclude={"hold_on_failure", *Handling.model_fields})
    document["lines"] = [line | {"unit_price": text(line["unit_price"])} for line in document["lines"]]
    document |= {name: text(getattr(order, name)) for name in ("shipping_fee", "tax", "discount", "total")}
    document |= {"hold_on_failure": duration_text(hold)} if hold else {}
    return document | {name: said for name, said in how.items() if said}


def order_schema() -> dict[str, Any]:
    """Return the JSON Schema of what a file may hold: one order, or an array of orders. No schema can check
    sums, repeated lines and card numbers: `reader.py` does."""
    schema: dict[str, Any] = TypeAdapter[Any](
        OrderForm | Annotated[list[OrderForm], Field(min_length=1)]
    ).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Orders", **schema}

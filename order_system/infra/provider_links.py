"""Links to a provider's own page about a payment, a reservation or a parcel, by templates that you set."""

from string import Formatter
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, Field

from order_system.domain.steps import Step

_PLACES = ("reference", "tracking_number", "order_id", "key")
"""What a template may name: the ID that the provider has given, our idempotency key, and so on."""


def _template(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("it must begin with https:// or http://")
    try:
        places = {name for _, name, *_ in Formatter().parse(text) if name is not None}
    except ValueError:
        raise ValueError("its braces do not match") from None
    if unknown := places.difference(_PLACES):
        raise ValueError(
            f"there is no {{{min(unknown)}}}, but {', '.join(f'{{{name}}}' for name in _PLACES)}"
        )
    return text


Template = Annotated[str, AfterValidator(_template)]


class ProviderLinks(BaseModel):
    """The part of `Settings` that says where a provider shows what it did for us."""

    payments_link: Template | None = Field(
        default=None,
        description="a payment's page at its provider, e.g. "
        "https://dashboard.stripe.com/payments/{reference}; any link may name {reference}, "
        "{tracking_number}, {order_id} and {key}",
    )
    warehouse_link: Template | None = Field(
        default=None, description="a reservation's page, e.g. https://stock.example/reservations/{reference}"
    )
    carrier_link: Template | None = Field(
        default=None, description="a parcel's page, e.g. https://carrier.example/track/{tracking_number}"
    )

    def link_of(self, step: Step, **known: str | None) -> str | None:
        """The page at this step's provider. None without a template, or if it names what is not `known`."""
        templates = {
            Step.PAYMENT: self.payments_link,
            Step.INVENTORY: self.warehouse_link,
            Step.SHIPPING: self.carrier_link,
        }
        if (template := templates.get(step)) is None:
            return None
        values = {name: quote(value, safe="") for name, value in known.items() if value}
        try:
            return template.format(**values)
        except KeyError:
            return None

"""Links to a provider's own page about a payment, a reservation or a parcel, by templates that you set."""

from contextlib import suppress
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, Field

from order_system.domain.steps import Step

_PLACES = ("reference", "tracking_number", "order_id", "key")
"""The values that a template may name: the provider's own ID, our idempotency key, and so on."""


def _template(text: str) -> str:
    try:
        text.format(**dict.fromkeys(_PLACES, ""))
    except (LookupError, ValueError, AttributeError):
        raise ValueError(f"in braces may stand {', '.join(_PLACES)}, and nothing else") from None
    return text


Template = Annotated[str, Field(pattern="^https?://"), AfterValidator(_template)]


class ProviderLinks(BaseModel):
    """The part of `Settings` that says where a provider shows what it did for us."""

    payments_link: Template | None = Field(
        default=None,
        description="a payment's page at its provider, e.g. https://dashboard.stripe.com/payments/{reference}"
        "; any link may name {reference}, {tracking_number}, {order_id} and {key}",
    )
    warehouse_link: Template | None = Field(
        default=None, description="a reservation's page, e.g. https://stock.example/reservations/{reference}"
    )
    carrier_link: Template | None = Field(
        default=None, description="a parcel's page, e.g. https://carrier.example/track/{tracking_number}"
    )

    def link_of(self, step: Step, **known: str | None) -> str | None:
        """Return the link to the step's provider. None without a template, or if a value is not `known`."""
        templates = (self.payments_link, self.warehouse_link, self.carrier_link, None)
        template = dict(zip(Step, templates, strict=True))[step]
        with suppress(KeyError):
            values = {name: quote(value, safe="") for name, value in known.items() if value}
            return template and template.format(**values)
        return None

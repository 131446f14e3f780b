"""Links into Temporal's Web UI, and to a provider's own page about a payment, a reservation or a parcel."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, Field

from order_system.domain.steps import Step
from order_system.infra.environment import usable

_PLACES = ("reference", "tracking_number", "order_id", "key")
"""The values that a template may name: the provider's own ID, our idempotency key, and so on."""


def _template(text: str) -> str:
    try:
        filled = text.format(**dict.fromkeys(_PLACES, "1"))
    except (LookupError, ValueError, AttributeError):
        raise ValueError(f"in braces may stand {', '.join(_PLACES)}, and nothing else") from None
    usable(filled)
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


@dataclass(frozen=True)
class UiLinks:
    ui_url: str | None
    """None if there is no Web UI."""
    namespace: str

    @property
    def origin(self) -> str:
        """The Web UI's origin, as a browser names it."""
        found = urlsplit(self.ui_url or "")
        return f"{found.scheme}://{found.netloc}"

    def relationships(self, workflow_id: str, run_id: str | None) -> str | None:
        """The page of a run where parent and children are drawn as a tree."""
        run = self.run(workflow_id, run_id)
        return run and f"{run}/relationships"

    def run(self, workflow_id: str, run_id: str | None) -> str | None:
        """The page of a run, with its history."""
        workflows = self._workflows if run_id else None
        return workflows and f"{workflows}/{quote(workflow_id, safe='')}/{run_id}"

    def runs(self, workflow_id: str) -> str | None:
        """The list of a workflow ID's runs, for a workflow whose run is not known."""
        query = quote(f'WorkflowId="{workflow_id}"', safe="")
        return self._workflows and f"{self._workflows}?query={query}"

    @property
    def _workflows(self) -> str | None:
        namespace = quote(self.namespace, safe="")
        return self.ui_url and f"{self.ui_url.rstrip('/')}/namespaces/{namespace}/workflows"

"""Scenarios to play on demand: sample orders whose data makes the simulated world fail in a chosen way.

`starter.py --scenario NAME` and the table in `docs/scenarios.md` are made from `SCENARIOS`, which is read
from `scenarios.toml`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from order_system.domain.errors import InvalidUsage
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Address, Capture, Customer, Order, OrderLine, Strict
from order_system.domain.steps import Step
from order_system.domain.wording import parse_duration

Place = Literal["payment_method", "sku", "second sku", "postal_code", "email"]
"""The place of a token in an order; `sku` is that of the first line."""


class Scenario(Strict):
    story: str
    """One line."""
    failed_step: Step | None = None
    needs_attention: bool = False
    notice_fails: bool = False
    hold_on_failure: str | None = None
    """Written as in an order document: `1h`."""
    capture: Capture | None = None
    tokens: Mapping[Place, str] = {}
    """The token for each place. ORDER in a token stands for the order's ID."""

    @property
    def status(self) -> OrderStatus:
        """The status in which the order ends, or stays."""
        if self.needs_attention:
            return OrderStatus.NEEDS_ATTENTION
        return OrderStatus.FAILED if self.failed_step else OrderStatus.FULFILLED


SCENARIOS = {
    name: Scenario.model_validate(story)
    for name, story in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}
"""The scenarios by name, in the order of the file."""


def scenario_order(name: str, order_id: str) -> Order:
    """Return a sample order (two lines, 1,059.97 USD) with the scenario's tokens. Raises InvalidUsage if
    there is no such scenario; the message lists them."""
    if (scenario := SCENARIOS.get(name)) is None:
        raise InvalidUsage(f"there is no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
    tokens = {place: token.replace("ORDER", order_id) for place, token in scenario.tokens.items()}
    return Order(
        order_id=order_id,
        currency="USD",
        customer=Customer(name="Ada", email=tokens.get("email", "ada@example.com")),
        payment_method=tokens.get("payment_method", "pm_card_ok"),
        shipping_address=Address(
            street="1 Main St",
            city="Portland",
            region="OR",
            postal_code=tokens.get("postal_code", "97201"),
            country="US",
        ),
        lines=(
            OrderLine(sku=tokens.get("sku", "LAPTOP-789"), quantity=1, unit_price=99999),
            OrderLine(sku=tokens.get("second sku", "MOUSE-321"), quantity=2, unit_price=2999),
        ),
        hold_on_failure=parse_duration(scenario.hold_on_failure) if scenario.hold_on_failure else None,
        capture=scenario.capture,
    )

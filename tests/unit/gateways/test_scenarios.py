"""The table of scenarios, and the behaviour behind each token."""

import pytest

from order_system.domain import policy
from order_system.domain.errors import InvalidUsage
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.steps import Step
from order_system.gateways.simulated.behaviours import (
    BEHAVIOURS,
    MADE_UP,
    OUT_OF_STOCK,
    scripted_fault,
)
from order_system.gateways.simulated.faults import FaultKind, Operation
from order_system.gateways.simulated.scenarios import SCENARIOS, scenario_order


def tokens_in(order: Order) -> list[str]:
    skus = [line.sku for line in order.lines]
    return [order.payment_method, order.shipping_address.postal_code, order.customer.email, *skus]


def test_a_scenario_order_is_the_sample_order_with_its_tokens() -> None:
    order = scenario_order("refund-never", "ORDER-001")
    assert order.order_id == "ORDER-001"
    assert order.payment_method == "pm_refund_never"
    assert order.shipping_address.postal_code == "00000"
    assert order.total == 105997


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_token_of_a_scenario_stands_in_its_order(name: str) -> None:
    tokens = {token.replace("ORDER", "A-1") for token in SCENARIOS[name].tokens.values()}
    assert tokens <= set(tokens_in(scenario_order(name, "A-1")))


def test_every_token_has_a_story_and_every_story_its_token() -> None:
    told = {token for scenario in SCENARIOS.values() for token in scenario.tokens.values()}
    paid = {"paid:ch_ORDER", "paid:cash-ORDER", f"paid:{MADE_UP}", "authorised:pi_ORDER"}
    assert told == {"pm_card_ok", OUT_OF_STOCK, *paid, *BEHAVIOURS}


def test_the_sample_order_alone_meets_no_fault() -> None:
    tokens = tokens_in(scenario_order("ok", "ORDER-001"))
    assert all(scripted_fault(operation, tokens, 1) is None for operation in Operation)


def test_a_scenario_that_fails_or_waits_says_where() -> None:
    assert (SCENARIOS["ok"].status, SCENARIOS["ok"].failed_step) == (OrderStatus.FULFILLED, None)
    waits = SCENARIOS["void-never"]
    assert (waits.status, waits.failed_step) == (OrderStatus.NEEDS_ATTENTION, Step.SHIPPING)
    assert all(scenario.failed_step for scenario in SCENARIOS.values() if scenario.needs_attention)
    assert not any("\n" in scenario.story for scenario in SCENARIOS.values())


def test_an_unknown_scenario_is_told_which_there_are() -> None:
    with pytest.raises(InvalidUsage, match="there is no scenario 'nonsense'; there are: ok, card-declined,"):
        scenario_order("nonsense", "ORDER-001")


def test_a_fault_strikes_on_its_calls_only() -> None:
    tokens = ["pm_refund_fails_thrice"]
    strikes = [scripted_fault(Operation.REFUND, tokens, call) for call in range(1, 6)]
    down = FaultKind.NOT_REACHED
    assert strikes == [down, down, down, None, None]
    assert scripted_fault(Operation.CHARGE, tokens, 1) is None


def test_for_a_while_is_shorter_than_a_step_and_the_other_longer() -> None:
    attempts = policy.DEMO_PATIENCE[Step.PAYMENT]
    [for_a_while], [longer] = BEHAVIOURS["pm_gateway_down_for_a_while"], BEHAVIOURS["COMMIT-DOWN"]
    assert (for_a_while.first or 0) < attempts < (longer.first or 0)

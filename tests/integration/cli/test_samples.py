"""Sample orders and the comparison, from outside: numbers, links, exit codes."""

import re

from tests.fixtures.processes.command_line import Running, starter
from tests.fixtures.processes.shop_commands import CHILDREN, UI, Env


def test_five_sample_orders_are_fulfilled_and_linked_and_the_next_run_takes_the_next_numbers(
    shop: Env,
) -> None:
    first = Running("starter.py", env=shop).finished()

    assert first.code == 0, first.err
    for number in range(1, 6):
        order_id = f"ORDER-00{number}"
        assert f"{order_id} payment completed" in first.out
        assert f"{order_id} fulfilled" in first.out
        workflow = f"{UI}/namespaces/default/workflows/order-{order_id}"
        link = rf"{order_id}  {workflow}/[0-9a-f-]{{36}}/relationships"
        assert re.search(link, first.out)
    assert "1,059.97 USD" in first.out
    assert "tracking SPS_" in first.out
    for private in ("Ada", "Main St", "@example"):
        assert private not in first.out + first.err

    # Two at once look at the same numbers, and do not share any.
    both = [Running("starter.py", "--scenario", "ok", "--json", "--strict", env=shop) for _ in range(2)]
    taken = [order["order_id"] for each in both for order in each.finished().document]
    assert [each.process.returncode for each in both] == [0, 0]
    assert sorted(taken) == ["ORDER-006", "ORDER-007"]

    declined = starter("--scenario", "card-declined", "--strict", "--json", env=shop)
    assert declined.code == 4
    (order,) = declined.document
    assert (order["order_id"], order["status"], order["failed_step"]) == ("ORDER-008", "failed", "payment")
    assert "declined" in order["reason"]
    assert [child["step"] for child in order["children"]] == CHILDREN
    assert {undo["status"] for undo in order["compensations"]} <= {"done"}


def test_compare_counts_what_each_way_leaves_behind() -> None:
    """With this seed the second order's address is refused, the third's goods are out of stock, and
    nothing else happens."""
    compared = starter("compare", "--orders", "3", "--seed", "1208", "--json", env={"ORDER_PAYMENTS": "acme"})

    assert compared.code == 0
    assert "on simulated gateways, and not on ORDER_PAYMENTS=acme" in compared.err
    monolith, workflows = compared.document["monolith"], compared.document["workflows"]
    assert (monolith["fulfilled"], monolith["failed_cleanly"]) == (1, 0)
    assert monolith["charged_without_parcel"] == 2
    assert monolith["orders_holding_stock"] == 1
    assert (workflows["fulfilled"], workflows["failed_cleanly"]) == (1, 2)
    assert workflows["charged_without_parcel"] == workflows["orders_holding_stock"] == 0
    assert workflows["audit_clean"] is True

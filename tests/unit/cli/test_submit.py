"""What is said of a submit that somebody else's submit overtook."""

from typing import Any, cast

import pytest

from order_system.cli.orders.submit import submit_all
from order_system.domain.errors import OrderConflict
from order_system.domain.order import Order
from order_system.orders.client import OrderClient
from tests.fixtures.shops.shop import an_order


class Overtaken:
    """A client that finds out only when it submits."""

    async def check_conflict(self, _order: Order) -> None:
        return None

    async def submit(self, order: Order) -> Any:
        if order.order_id == "TAKEN":
            raise OrderConflict("TAKEN is taken")
        return order


@pytest.mark.parametrize(
    ("ids", "said"),
    [(["TAKEN"], "nothing was submitted."), (["TAKEN", "FREE"], "1 of 2 orders was submitted.")],
)
async def test_a_conflict_says_how_many_were_submitted_all_the_same(ids: list[str], said: str) -> None:
    orders = [an_order(order_id) for order_id in ids]
    with pytest.raises(OrderConflict) as conflict:
        await submit_all(cast("OrderClient", Overtaken()), orders)
    assert str(conflict.value) == f"{said}\nTAKEN is taken"

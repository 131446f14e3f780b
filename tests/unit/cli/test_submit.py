"""What is said of a submit that somebody else's submit overtook, and of one that lost the order book."""

from typing import Any, cast

import pytest

from order_system.cli.orders.submit import submit_all
from order_system.domain.errors import DatabaseUnreachable, OrderConflict
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
        if order.order_id.startswith("LOST"):
            raise DatabaseUnreachable("the order book does not answer: disk is full")
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


async def test_a_book_that_was_lost_on_the_way_leaves_word_of_which_orders_may_run() -> None:
    orders = [an_order(f"LOST-{number}") for number in range(9)]
    with pytest.raises(DatabaseUnreachable) as lost:
        await submit_all(cast("OrderClient", Overtaken()), orders)
    what, then = str(lost.value).splitlines()
    assert what == "the order book does not answer: disk is full"
    assert then.startswith("LOST-0, LOST-1, LOST-2, LOST-3, LOST-4, ... may have been started. To look")
    assert "python starter.py status LOST-0" in then

"""Watching many orders loads neither server nor book with all of them at once."""

import asyncio

import pytest
from temporalio.client import Client

from order_system.book.order_book import SqlOrderBook
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.orders.client import OrderClient


class Counting(OrderClient):
    def __init__(self) -> None:
        super().__init__(Client.__new__(Client), SqlOrderBook.__new__(SqlOrderBook), task_queue="none")
        self.asked_at_once = self.most_at_once = 0

    async def status(self, order_id: str) -> OrderProgress:
        self.asked_at_once += 1
        self.most_at_once = max(self.most_at_once, self.asked_at_once)
        await asyncio.sleep(0)
        self.asked_at_once -= 1
        return OrderProgress(
            order_id=order_id,
            workflow_id=f"order-{order_id}",
            run_id=None,
            status=OrderStatus.FULFILLED,
            children=(),
        )


async def test_no_more_orders_are_asked_about_at_once_than_the_policy_says() -> None:
    client = Counting()
    ids = [f"ORDER-{number}" for number in range(policy.WATCH_AT_ONCE * 3)]
    async with asyncio.timeout(60):
        [seen] = [documents async for documents in client.watch(ids)]
    assert list(seen) == ids
    assert client.most_at_once == policy.WATCH_AT_ONCE


@pytest.mark.parametrize(
    ("text", "in_query"),
    [
        ("batch-monday", "'batch-monday'"),
        ("it's", "'it''s'"),
        ("x\\' OR '1", r"'x\\'' OR ''1'"),
        ("end\\", r"'end\\'"),
    ],
)
def test_a_query_cannot_be_made_to_run_out_of_its_quotes(text: str, in_query: str) -> None:
    assert visibility.quoted(text) == in_query

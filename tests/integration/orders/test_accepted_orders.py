"""An order is listed from the moment at which it is accepted: by the book or, where nobody could note it, by
the server's word; and no longer than its workflow lives, if it opens nothing."""

import pytest
from sqlalchemy.exc import OperationalError

from order_system.book.order_book import SqlOrderBook
from order_system.domain.errors import ServerAway
from order_system.domain.listing import OrderSummary
from order_system.domain.messages import OrderStatus
from order_system.infra.database import Database
from order_system.orders.client import OrderClient
from order_system.orders.lists import OrderLists
from tests.fixtures.databases.filled_book import fill, submission
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually

WAIT_SECONDS = 60
RUNNING, FAILED = OrderStatus.RUNNING, OrderStatus.FAILED


@pytest.fixture
def lists(shop: Shop, sqlite_database: Database) -> OrderLists:
    return OrderLists(SqlOrderBook(sqlite_database), shop.temporal, shop.task_queue)


async def listed(lists: OrderLists, status: OrderStatus | None = None) -> list[tuple[str, str]]:
    return [(row.order_id, row.status.value) for row in (await lists.orders(status=status)).rows]


async def test_what_was_accepted_is_listed_and_counted_instead_of_what_failed_before(
    shop: Shop, lists: OrderLists, sqlite_database: Database
) -> None:
    first, second = an_order("ACCEPTED-1"), an_order("ACCEPTED-2")
    await fill(sqlite_database, [submission(first.order_id, status=FAILED.value)])
    assert await listed(lists) == [(first.order_id, "failed")]

    await shop.client.submit(first)
    await shop.client.submit(second)

    both = [(second.order_id, "running"), (first.order_id, "running")]
    assert await listed(lists) == await listed(lists, RUNNING) == both
    assert await listed(lists, FAILED) == []
    counts = await lists.counts()
    assert (counts[RUNNING], counts[FAILED]) == (2, 0)
    page = await lists.book.orders(limit=1)
    rest = await lists.book.orders(limit=1, cursor=page.next)
    assert [row.order_id for row in (*page.rows, *rest.rows)] == [second.order_id, first.order_id]

    async with shop.open():
        await shop.ended(shop.handle(first))
        await shop.handle(second).result()
    assert (second.order_id, "fulfilled") in await listed(lists)
    assert (await lists.counts())[RUNNING] == 0


async def test_one_that_ends_before_it_opens_anything_is_listed_no_longer(
    shop: Shop, lists: OrderLists
) -> None:
    order = an_order()
    await shop.client.submit(order)
    assert await listed(lists) == [(order.order_id, "running")]
    await shop.handle(order).terminate()

    async def is_gone() -> bool:  # visibility may be a moment late
        return await listed(lists) == []

    await eventually(is_gone, WAIT_SECONDS, "the order to leave the list")
    assert (await lists.counts())[RUNNING] == 0


async def test_one_that_could_not_be_noted_is_submitted_and_listed_by_the_servers_word(
    shop: Shop, lists: OrderLists, sqlite_database: Database, forsaken_accepts: SqlOrderBook
) -> None:
    order = an_order()
    orders = OrderClient(shop.temporal, forsaken_accepts, task_queue=shop.task_queue)
    assert (await orders.submit(order)).how == "started"

    async def is_listed() -> bool:
        return await listed(lists) == [(order.order_id, "running")]

    await eventually(is_listed, WAIT_SECONDS, "visibility to know of it")
    assert await listed(lists, RUNNING) == [(order.order_id, "running")]
    await shop.handle(order).terminate()


async def test_a_server_that_falls_silent_amid_the_count_has_no_order_counted_twice(
    lists: OrderLists,
) -> None:
    class FallsSilent(OrderLists):
        async def _unsettled(
            self, *_: object
        ) -> tuple[OrderSummary, ...]:  # private: the second of two questions
            raise ServerAway("the Temporal server does not answer")

    counts = await FallsSilent(lists.book, lists.temporal, lists.task_queue).counts()
    assert OrderStatus.NEEDS_ATTENTION not in counts, "those are among the running ones"


@pytest.fixture
def forsaken_accepts(sqlite_database: Database) -> SqlOrderBook:
    """The disk is full at the very moment of the note."""

    class FullBook(SqlOrderBook):
        async def accept(self, *_: object) -> None:
            raise OperationalError("INSERT", {}, OSError("database or disk is full"))

    return FullBook(sqlite_database)

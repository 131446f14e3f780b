"""What is said of an order that was fulfilled with one content, when another was submitted under its ID."""

from collections.abc import AsyncIterator

import pytest

from activities.batch import BatchActivities
from order_system.batches.files import OrderFiles
from order_system.book.batches import SqlBatchBook
from order_system.domain.batch import LookUpRequest
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import OrderConflict
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.orders.on_server import TemporalOrderRuns
from tests.fixtures.shops.abandoned import ended
from tests.fixtures.shops.shop import Shop, an_order


@pytest.fixture
async def refused(shop: Shop) -> AsyncIterator[tuple[Order, Order, str]]:
    """Terminated after the hand-over, and then submitted with other content: what was fulfilled, what was
    refused, and the refused submission."""
    order = an_order()
    other = order.model_copy(update={"discount": 1})
    shop.stage.fail("after dispatch", lambda: ConnectionError("the worker dies"), times=1)
    hold = shop.stage.hold("after dispatch")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await shop.handle(order).terminate("by the operator")
        hold.let_go()
        await shop.client.submit(other)
        run = (await shop.handle(order).describe()).run_id
        await shop.ended(shop.handle(order))
        yield order, other, run


async def test_a_submit_is_told_of_its_own_content(shop: Shop, refused: tuple[Order, Order, str]) -> None:
    order, other, _ = refused
    fulfilled = (await shop.book.find([order.order_id]))[order.order_id]
    assert fulfilled.ref.fingerprint == order.fingerprint()
    with pytest.raises(OrderConflict) as conflict:
        await shop.client.check_content(other.order_id, other.fingerprint())
    assert fulfilled.ref.submission in str(conflict.value)
    with pytest.raises(OrderConflict):
        await shop.client.status_or_record(other.order_id, other.fingerprint())
    with pytest.raises(OrderConflict):
        await shop.client.submit(other)
    assert await shop.client.check_content(order.order_id, order.fingerprint())


async def test_the_order_is_told_of_as_what_was_fulfilled(
    shop: Shop, refused: tuple[Order, Order, str]
) -> None:
    order, _, run = refused
    assert await ended(shop, order) is OrderStatus.FULFILLED
    progress = await shop.client.status(order.order_id)
    assert "was refused" in (progress.note or "")
    assert run in (progress.note or "")
    assert progress.submission != run
    (await shop.accounts(order)).assert_fulfilled(order)


async def test_a_batch_counts_its_own_content(shop: Shop, refused: tuple[Order, Order, str]) -> None:
    order, _, run = refused
    book, contents = SqlBatchBook(shop.book.database), TemporalOrderRuns(shop.temporal)
    activities = BatchActivities(book, OrderFiles(["."]), contents)
    found = await activities.look_up(LookUpRequest(submissions={order.order_id: run}))
    assert found.statuses == {order.order_id: SubmissionStatus.FAILED}

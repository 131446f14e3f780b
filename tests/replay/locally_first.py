"""Stories of orders whose first attempts are local activities."""

from order_system.domain.order import Capture, FirstAttempts, Order
from tests.fixtures.shops.shop import Shop
from tests.fixtures.steering.cancels import a_child_is_asked_to_stop
from tests.replay.stories import Story, ended, in_parallel


def locally(order: Order) -> Order:
    return order.model_copy(update={"first_attempts": FirstAttempts.LOCAL})


async def local_fulfilled(shop: Shop, order: Order) -> None:
    await ended(shop, locally(order))


async def local_went_on_as_regular(shop: Shop, order: Order) -> None:
    """Each step's first attempt fails, and shipping's last step for good."""
    for call in ("charge", "reserve", "send"):
        shop.stage.unreachable(call, 1)
    shop.stage.answer_lost("dispatch", times=6)
    await ended(shop, locally(in_parallel(order)).model_copy(update={"capture": Capture.ON_DISPATCH}))


async def local_cancelled(shop: Shop, order: Order) -> None:
    """In the midst of an attempt, whose answer is lost with its task."""
    hold = shop.stage.hold("after charge")
    handle = await shop.start(locally(order))
    await hold.reached()
    await handle.cancel()
    await a_child_is_asked_to_stop(shop, order)
    hold.let_go()
    await shop.ended(handle)


LOCALLY_FIRST: list[Story] = [local_fulfilled, local_went_on_as_regular, local_cancelled]

"""Stories of orders whose money is held first, and captured when the parcel goes."""

from order_system.domain.errors import OutOfStock, PaymentDeclined
from order_system.domain.order import Capture, Order
from tests.fixtures.shops.shop import Shop
from tests.fixtures.steering.waiting import eventually
from tests.replay.stories import Story, cancelled_at, ended, in_parallel


def on_dispatch(order: Order, **changes: object) -> Order:
    return order.model_copy(update={"capture": Capture.ON_DISPATCH, **changes})


async def captured_on_dispatch(shop: Shop, order: Order) -> None:
    await ended(shop, on_dispatch(order))


async def parallel_captured_on_dispatch(shop: Shop, order: Order) -> None:
    await ended(shop, in_parallel(on_dispatch(order)))


async def authorised_elsewhere(shop: Shop, order: Order) -> None:
    await ended(shop, order.model_copy(update={"payment_method": "authorised:pi_recorded"}))


async def capture_refused(shop: Shop, order: Order) -> None:
    shop.stage.fail("before capture", lambda: PaymentDeclined("the authorisation has expired"))
    await ended(shop, on_dispatch(order))


async def parallel_cancelled_after_capture(shop: Shop, order: Order) -> None:
    """What was captured is refunded."""
    await cancelled_at("after capture", shop, in_parallel(on_dispatch(order)))


async def parallel_voided(shop: Shop, order: Order) -> None:
    """The stock is refused when the money is held already."""
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    refusal = shop.stage.hold("before reserve")
    handle = await shop.start(in_parallel(on_dispatch(order)))
    await eventually(lambda: shop.stage.called("after record charge"), 60, "the money to be held")
    refusal.let_go()
    await shop.ended(handle)


CAPTURED_LATER: list[Story] = [
    captured_on_dispatch,
    parallel_captured_on_dispatch,
    authorised_elsewhere,
    capture_refused,
    parallel_cancelled_after_capture,
    parallel_voided,
]

"""An order that is fulfilled, and then gives money back, as a story to be recorded."""

import asyncio
from contextlib import suppress

from order_system.domain.answers import Remedy, Resolution
from order_system.domain.errors import AnswerRefused, RefundRefused
from order_system.domain.order import Order
from order_system.domain.steps import Step
from tests.fixtures.shops.shop import Shop
from tests.fixtures.steering.waiting import eventually


async def refunded_later(shop: Shop, order: Order) -> None:
    """A part; one that was stuck, tried again and then handled; and one that is refused."""
    await shop.ended(await shop.start(order))
    await give_back(shop, order, "part", amount="10.00")
    shop.stage.unreachable("refund_part")
    asked = asyncio.create_task(give_back(shop, order, "stuck", amount="20.00"))
    for remedy in (Remedy.RETRY, Remedy.HANDLED):
        answer = Resolution(
            who="ada@desk-1", note="by hand", step=Step.PAYMENT, remedy=remedy, refund="stuck"
        )

        async def is_heard(answer: Resolution = answer) -> bool:
            with suppress(AnswerRefused):
                return bool(await shop.attention.answer(order.order_id, answer))
            return False

        await eventually(is_heard, 60, "the refund to be stuck")
    await asked
    with suppress(RefundRefused):
        await give_back(shop, order, "refused", amount="1059.97")


async def give_back(shop: Shop, order: Order, refund_id: str, **what: str) -> None:
    await shop.client.refunds.give_back(
        order.order_id, who="ada@desk-1", note="arrived broken", refund_id=refund_id, **what
    )

"""A refund after the fact whose attempt runs out of time at a gateway that then says no."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest

from activities.payment import PaymentActivities
from order_system.domain.errors import AnswerLost, RefundRefused
from order_system.domain.refunds import Refund, RefundRequest, RefundState
from tests.fixtures.shops.activity_calls import (
    a_submission,
    inventory_request,
    payment_request,
    run_activity,
    shipping_request,
)
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import an_order


class SaysNoWhenCutOff:
    async def refund_part(self, key: str, **_: Any) -> NoReturn:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise RefundRefused("aborted") from None
        raise AssertionError


async def test_what_a_gateway_says_when_it_is_cut_off_is_no_answer(parts: Parts) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    await run_activity(parts.shipping.dispatch, shipping_request(order))
    gateway: Any = SaysNoWhenCutOff()
    asked = Refund(
        who="ada", note="late", refund_id="r1", amount=500, currency="USD", asked_at=datetime.now(UTC)
    )
    request = RefundRequest(submission=a_submission(order), refund=asked)
    with pytest.raises(AnswerLost, match="aborted"):
        await run_activity(
            PaymentActivities(parts.book, gateway).refund_part, request, limit=timedelta(seconds=2)
        )
    [kept] = (await parts.book.refunds([order.order_id]))[order.order_id]
    assert kept.state is RefundState.UNDER_WAY

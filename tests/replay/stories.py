"""The ways an order can end, each as a story to be recorded."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from order_system.domain import policy
from order_system.domain.answers import (
    AnsweredAs,
    AnswerRecord,
    GiveUp,
    ParcelFate,
    Remedy,
    Resolution,
    StepRetry,
)
from order_system.domain.errors import NotReached, OutOfStock, PaymentDeclined, ShippingRefused
from order_system.domain.messages import AnswerToNote
from order_system.domain.order import Flow, Order
from order_system.domain.steps import Step
from tests.fixtures.shops.abandoned import terminated_at
from tests.fixtures.shops.shop import Shop
from tests.fixtures.steering.resets import reset, reset_into_payment_after_both_were_terminated
from tests.fixtures.steering.waiting import eventually
from tests.replay.refunded_later import refunded_later
from workflows.order import OrderFulfillmentWorkflow

Story = Callable[[Shop, Order], Awaitable[None]]


async def fulfilled(shop: Shop, order: Order) -> None:
    await ended(shop, order)


async def payment_declined(shop: Shop, order: Order) -> None:
    shop.stage.fail("before charge", lambda: PaymentDeclined("no"))
    await ended(shop, order)


async def out_of_stock(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    await ended(shop, order)


async def shipping_refused(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    await ended(shop, order)


async def already_dispatched(shop: Shop, order: Order) -> None:
    shop.stage.answer_lost("dispatch", times=6)
    await ended(shop, order)


async def notice_failed(shop: Shop, order: Order) -> None:
    shop.stage.unreachable("send")
    await ended(shop, order)


async def cancelled(shop: Shop, order: Order) -> None:
    await cancelled_at("before reserve", shop, order)


async def cancelled_too_late(shop: Shop, order: Order) -> None:
    await cancelled_at("before send", shop, order)


async def undo_was_stuck(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    handle = await shop.start(order)
    await needs_attention(shop, order)
    shop.stage.mend()
    await shop.ended(handle)


async def undo_was_retried_and_then_handled(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    handle = await shop.start(order)
    for remedy in (Remedy.RETRY, Remedy.HANDLED):
        await needs_attention(shop, order)
        answer = Resolution(who="ada@desk-1", note="refunded by hand", step=Step.PAYMENT, remedy=remedy)
        await handle.execute_update(OrderFulfillmentWorkflow.resolve, answer)
    await shop.ended(handle)


async def dispatched_by_hand(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("void")
    handle = await shop.start(order)
    await needs_attention(shop, order)
    answer = Resolution(
        who="ada@desk-1",
        note="brought it there myself",
        step=Step.SHIPPING,
        remedy=Remedy.HANDLED,
        parcel=ParcelFate.DISPATCHED,
    )
    await handle.execute_update(OrderFulfillmentWorkflow.resolve, answer)
    await shop.ended(handle)


async def held_and_retried(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"), times=1)
    handle = await shop.start(order.model_copy(update={"hold_on_failure": timedelta(days=2)}))
    await needs_attention(shop, order)
    await handle.execute_update(OrderFulfillmentWorkflow.retry_step, StepRetry(who="ada@desk-1"))
    await shop.ended(handle)


async def held_and_given_up(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    handle = await shop.start(order.model_copy(update={"hold_on_failure": timedelta(days=2)}))
    await needs_attention(shop, order)
    await handle.execute_update(OrderFulfillmentWorkflow.give_up, GiveUp(who="ada@desk-1"))
    await shop.ended(handle)


async def hold_ran_out(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    await shop.ended(await shop.start(order.model_copy(update={"hold_on_failure": timedelta(seconds=1)})))


async def cancelled_while_held(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    handle = await shop.start(order.model_copy(update={"hold_on_failure": timedelta(days=2)}))
    await needs_attention(shop, order)
    await handle.cancel()
    await shop.ended(handle)


async def needs_attention(shop: Shop, order: Order) -> None:
    async def waits() -> bool:
        return (await shop.client.status(order.order_id)).status == "needs_attention"

    await eventually(waits, 60, "the order to need attention")


async def settled_an_older_submission(shop: Shop, order: Order) -> None:
    hold = shop.stage.hold("after reserve")
    handle = await shop.start(order)
    await hold.reached()
    await handle.terminate()
    hold.let_go()
    await ended(shop, order)


async def reconciled(shop: Shop, order: Order) -> None:
    hold = shop.stage.hold("after reserve")
    handle = await shop.start(order)
    await hold.reached()
    await handle.terminate()
    hold.let_go()
    await shop.reconcile(run=order.order_id)


async def fulfilled_before(shop: Shop, order: Order) -> None:
    await ended(shop, order)
    await ended(shop, order)


async def cancelled_at(point: str, shop: Shop, order: Order) -> None:
    hold = shop.stage.hold(point)
    handle = await shop.start(order)
    await hold.reached()
    await handle.cancel()
    hold.let_go()
    await shop.ended(handle)


async def told_by_the_reconciler(shop: Shop, order: Order) -> None:
    await terminated_at(shop, "after reserve", order)
    await shop.reconcile(run=order.order_id)


async def answered_when_it_was_gone(shop: Shop, order: Order) -> None:
    await terminated_at(shop, "after reserve", order)
    shop.stage.unreachable("refund")
    await shop.reconcile(run=f"{order.order_id}-first")
    ref = (await shop.book.find([order.order_id]))[order.order_id].ref
    answer = AnswerRecord(
        answer_id="1",
        at=datetime.now(UTC),
        who="ada@desk-1",
        note="refunded by hand",
        step=Step.PAYMENT,
        answer=AnsweredAs.HANDLED,
    )
    await shop.reconcile(run=order.order_id, only=AnswerToNote(submission=ref, answer=answer))


async def reset_while_a_provider_was_busy(shop: Shop, order: Order) -> None:
    """It takes six minutes, since the new run waits for the child of the old one. Until the patch
    `wait-for-a-busy-child` it gave up after five: `reset_and_given_up.json` was recorded then."""
    pause = policy.CHILD_BUSY_LIMIT.total_seconds() * 1.2
    shop.stage.fail("before charge", lambda: NotReached("busy", retry_after=pause), times=1)
    await shop.start(order)
    await eventually(lambda: shop.stage.called("before charge"), 60, "payment to be tried")
    await reset(shop, order, task=0)
    await shop.ended(shop.handle(order))


async def cancelled_in_shipping(shop: Shop, order: Order) -> None:
    await cancelled_at("before buy_label", shop, order)


async def cancelled_when_its_step_was_gone(shop: Shop, order: Order) -> None:
    await reset_into_payment_after_both_were_terminated(shop, order)
    with pytest.MonkeyPatch.context() as context:
        context.setattr(policy, "CHILD_CANCELLED", timedelta(seconds=1))
        await shop.handle(order).cancel()
        await shop.ended(shop.handle(order))


def in_parallel(order: Order, **changes: object) -> Order:
    return order.model_copy(update={"flow": Flow.PARALLEL, **changes})


async def parallel_fulfilled(shop: Shop, order: Order) -> None:
    await ended(shop, in_parallel(order))


async def parallel_stopped_the_other(shop: Shop, order: Order) -> None:
    """Payment is told no while inventory goes on being retried."""
    shop.stage.unreachable("reserve")
    shop.stage.fail("before charge", lambda: PaymentDeclined("no"))
    refusal = shop.stage.hold("before charge")
    handle = await shop.start(in_parallel(order))
    await refusal.reached()
    await eventually(lambda: shop.stage.called("before reserve"), 60, "inventory to begin")
    refusal.let_go()
    await shop.ended(handle)


async def parallel_cancelled(shop: Shop, order: Order) -> None:
    holds = [shop.stage.hold(point) for point in ("before charge", "before reserve")]
    handle = await shop.start(in_parallel(order))
    for hold in holds:
        await hold.reached()
    await handle.cancel()
    for hold in holds:
        hold.let_go()
    await shop.ended(handle)


async def parallel_both_held(shop: Shop, order: Order) -> None:
    shop.stage.fail("before charge", lambda: PaymentDeclined("no"), times=1)
    shop.stage.fail("before reserve", lambda: OutOfStock("no"), times=1)
    handle = await shop.start(in_parallel(order, hold_on_failure=timedelta(days=2)))

    async def both_failed() -> bool:
        failed = [step.reason for step in (await shop.client.status(order.order_id)).children if step.reason]
        return len(failed) == 2

    await eventually(both_failed, 60, "both to be held")
    await handle.execute_update(OrderFulfillmentWorkflow.retry_step, StepRetry(who="ada@desk-1"))
    await shop.ended(handle)


async def parallel_settled_an_older_submission(shop: Shop, order: Order) -> None:
    await settled_an_older_submission(shop, in_parallel(order))


async def ended(shop: Shop, order: Order) -> None:
    await shop.ended(await shop.start(order))


STORIES: list[Story] = [
    fulfilled,
    refunded_later,
    payment_declined,
    out_of_stock,
    shipping_refused,
    already_dispatched,
    notice_failed,
    cancelled,
    cancelled_too_late,
    cancelled_in_shipping,
    cancelled_when_its_step_was_gone,
    undo_was_stuck,
    undo_was_retried_and_then_handled,
    dispatched_by_hand,
    held_and_retried,
    held_and_given_up,
    hold_ran_out,
    cancelled_while_held,
    settled_an_older_submission,
    reset_while_a_provider_was_busy,
    fulfilled_before,
    reconciled,
    told_by_the_reconciler,
    answered_when_it_was_gone,
    parallel_fulfilled,
    parallel_stopped_the_other,
    parallel_cancelled,
    parallel_both_held,
    parallel_settled_an_older_submission,
]

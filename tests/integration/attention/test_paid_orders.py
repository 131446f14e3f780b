"""Orders that are paid already: what is told of them, and who gives the money back."""

import pytest
from sqlalchemy import Connection, select

from order_system.attention.concerns import ConcernKind
from order_system.book.tables import metadata
from order_system.domain.answers import AnswerResult
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.errors import ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.steps import Effect, Step
from order_system.infra.database import Database
from tests.fixtures.shops.abandoned import named, terminated_at
from tests.fixtures.shops.shop import Handle, Shop, an_order
from tests.fixtures.shops.stuck import ended, journal, resolution, resolve, status_in_book, stuck, the_concern

BY_HAND = 'give back 1,059.97 USD by hand, paid as cash-1; customer: "Ada", e-mail: "ada@example.com"'


async def payment_of(shop: Shop, order: Order) -> str | None:
    """What `status` says of that step."""
    children = (await shop.client.status(order.order_id)).children
    return next(child.reason for child in children if child.step is Step.PAYMENT)


async def an_order_that_cannot_be_dispatched(shop: Shop, payment_method: str) -> tuple[Order, Handle]:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    order = an_order(payment_method=payment_method)
    return order, await shop.start(order)


@pytest.mark.parametrize("cached_workflows", [0, 1_000])
async def test_an_order_that_is_paid_already_is_fulfilled_without_a_charge(
    shop: Shop, cached_workflows: int
) -> None:
    shop.worker_options |= {"max_cached_workflows": cached_workflows}
    confirmed, told = an_order(payment_method="paid:ch_1"), an_order(payment_method="paid:cash-1")
    async with shop.open():
        for order in (confirmed, told):
            outcome = await (await shop.start(order)).result()
            assert (outcome.status, outcome.payment.amount) == (OrderStatus.FULFILLED, order.total)
        assert (
            await payment_of(shop, confirmed) == "paid already 1,059.97 USD by ch_1, confirmed by the gateway"
        )
        word = "paid already 1,059.97 USD by cash-1, taken at its word, since the gateway cannot look it up"
        assert await payment_of(shop, told) == word
    assert shop.stage.calls["before charge"] == 0
    assert (await shop.world.statement()).charges == ()
    await shop.assert_clean()


async def test_an_undone_order_gives_the_payment_back_by_its_reference(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_that_cannot_be_dispatched(shop, "paid:ch_1")
        await ended(shop, handle)
        [refund] = [undo for undo in (await shop.progress(order)).undos if undo.step is Step.PAYMENT]
    assert refund.reason == "refunded 1,059.97 USD"
    assert [payment.refunded for payment in (await shop.world.statement()).payments] == [order.total]
    assert (await shop.accounts(order)).notices == ["cancellation"]
    await shop.assert_clean()


async def test_a_payment_that_is_not_confirmed_is_left_as_it_is_and_the_order_says_so(shop: Shop) -> None:
    await shop.world.payments.receive("ch_1", amount=1, currency="USD")
    order = an_order(payment_method="paid:ch_1")
    async with shop.open():
        await ended(shop, await shop.start(order))
        progress = await shop.client.status(order.order_id)
    assert (progress.status, progress.failed_step) == (OrderStatus.FAILED, Step.PAYMENT)
    assert progress.reason == (
        "PaymentNotConfirmed: the payment ch_1 is of 0.01 USD, and the order comes to 1,059.97 USD"
    )
    assert progress.note == "it was not confirmed that the order is paid: that payment is left as it is"
    assert [payment.refunded for payment in (await shop.world.statement()).payments] == [0]
    await shop.assert_clean()


async def test_what_the_gateway_cannot_give_back_is_told_to_a_person_who_does(
    shop: Shop, sqlite_database: Database
) -> None:
    async with shop.open():
        order, handle = await an_order_that_cannot_be_dispatched(shop, "paid:cash-1")
        await stuck(shop, order, Step.PAYMENT)
        [undo] = [
            each for each in (await shop.client.status(order.order_id)).undos if each.step is Step.PAYMENT
        ]
        assert undo.reason is not None
        assert undo.reason.endswith(f": {BY_HAND}")
        concern = await the_concern(shop, order)
        assert concern.kind is ConcernKind.STUCK_UNDO
        assert concern.reason.endswith(BY_HAND)
        assert (
            f'python starter.py resolve {order.order_id} payment --handled --note "..."' in concern.commands
        )
        receipt = await resolve(handle, resolution(Step.PAYMENT))
        assert receipt.result == AnswerResult.HANDLED
        await ended(shop, handle)
    assert (await journal(shop, order))[Effect.CHARGE].state is EffectState.HANDLED
    assert await status_in_book(shop, order) is SubmissionStatus.FAILED
    assert (await shop.accounts(order)).notices == ["cancellation"]
    assert "ada@example.com" not in await sqlite_database.read(_whole_book)
    await shop.assert_clean()


def _whole_book(tx: Connection) -> str:
    return "\n".join(str(row) for table in metadata.sorted_tables for row in tx.execute(select(table)))


async def test_the_reconciler_gives_back_what_a_terminated_order_was_paid_by(shop: Shop) -> None:
    by_card, in_cash = an_order(payment_method="paid:ch_1"), an_order(payment_method="paid:cash-1")
    async with shop.open():
        for order in (by_card, in_cash):
            shop.stage.forget_holds()
            await terminated_at(shop, "after reserve", order)
        report = await shop.reconcile()
        assert named(report, "settled") == [by_card.order_id]
        assert "refunded 1,059.97 USD" in report.settled.orders[0].detail
        assert named(report, "not_yet") == [in_cash.order_id]
        assert report.not_yet.orders[0].detail == f"refund: RefundByHand: {BY_HAND}"
    await shop.assert_clean()

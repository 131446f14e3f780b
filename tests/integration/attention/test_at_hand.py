"""Attention has what a hand needs for an entry, tells who is on it, and takes one answer for many."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from order_system.attention.chosen import Action, Came, Chosen
from order_system.attention.concerns import Concern, ConcernKind
from order_system.attention.what_waits import sums_of
from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy
from order_system.domain.book import EffectState
from order_system.domain.errors import NoticeRefused, NotReached, OutOfStock, ShippingRefused
from order_system.domain.ids import order_workflow_id
from order_system.domain.listing import OrderFilter, OrderSummary
from order_system.domain.messages import OrderStatus
from order_system.domain.order import FirstAttempts, Order
from order_system.domain.steps import Effect, Step
from order_system.infra import policy as infra_policy
from order_system.infra.links import ProviderLinks
from order_system.infra.temporal.executions import describe
from order_system.orders.lists import OrderLists
from tests.fixtures.shops.refunds import give_back
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import WAIT_SECONDS, an_order_stuck_at, stuck, the_concern
from tests.fixtures.steering.waiting import eventually

HOUR = timedelta(hours=1)
LOCAL = FirstAttempts.LOCAL
"""Takes the server less; what is looked at comes after."""


async def listed(shop: Shop, number: int) -> list[Concern]:
    """As soon as visibility has caught up."""
    found: list[Concern] = []

    async def are_there() -> bool:
        found[:] = [each async for each in shop.attention.attention()]
        return len(found) == number

    await eventually(are_there, WAIT_SECONDS, f"{number} entries that need attention")
    return found


async def answered(shop: Shop, chosen: list[str], action: Action, note: str = "") -> dict[str, Came]:
    told = await Chosen(shop.client, shop.attention, "ada@desk-1", note).all_told(chosen, action)
    return {each.chosen: each for each in told.rows}


async def test_a_stuck_undo_has_all_that_a_hand_needs_and_is_handled_by_one_note_for_each_step_that_is_chosen(
    shop: Shop,
) -> None:
    shop.attention = type(shop.attention)(
        shop.temporal,
        shop.book,
        shop.abandoned,
        shop.schedule,
        task_queue=shop.task_queue,
        links=ProviderLinks.model_validate({"payments_link": "https://pay.example/{reference}"}),
    )
    async with shop.open():
        order, another = [(await an_order_stuck_at(shop, Step.PAYMENT))[0] for _ in range(2)]
        stuck, _ = await listed(shop, 2)
        ref = (await shop.book.find([order.order_id]))[order.order_id].ref
        charge = (await shop.book.journal(ref))[Effect.CHARGE]
        chosen = [f"{order.order_id}:payment", f"{another.order_id}:inventory"]
        without_note = await answered(shop, chosen, Action.RESOLVE)
        told = await answered(shop, chosen, Action.RESOLVE, "refunded by hand, ticket 123")
        await shop.ended(shop.handle(order))
        await shop.handle(another).terminate()

    assert (stuck.kind, stuck.amount, stuck.currency) == (ConcernKind.STUCK_UNDO, "1059.97", "USD")
    assert stuck.money == "1,059.97 USD"
    assert stuck.customer == order.customer
    [receipt] = stuck.receipts
    assert charge.receipt is not None
    reference = charge.receipt["charge_id"]
    assert (receipt.reference, receipt.key) == (reference, ref.key(Effect.CHARGE))
    assert (receipt.state, receipt.link) == (EffectState.DONE, f"https://pay.example/{reference}")
    assert stuck.tried is not None
    assert (stuck.tried.activity, stuck.tried.number) == ("refund", 1)
    assert stuck.tried.said == "NotReached: refund: connection refused"
    assert stuck.reason == "attempt 1: refund: connection refused"
    assert stuck.next_attempt_at is not None
    assert stuck.next_attempt_at - stuck.tried.ended_at > HOUR / 2
    seen_by_viewers = stuck.masked().model_dump_json()
    assert "Ada" not in seen_by_viewers
    assert "ada@example.com" not in seen_by_viewers
    assert "note must say what was done" in without_note[chosen[0]].detail
    assert [told[each].accepted for each in chosen] == [True, False]
    assert "waits for nothing of that kind" in told[chosen[1]].detail


async def test_neither_viewers_nor_events_are_told_of_whom_a_gateway_speaks(shop: Shop) -> None:
    order = an_order(first_attempts=LOCAL)
    who, where = order.customer.name, order.shipping_address.street
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.fail("before refund", lambda: NotReached(f"{who} of {where}\x1b[2J has moved"))
    async with shop.open():
        handle = await shop.start(order)
        await stuck(shop, order, Step.PAYMENT)
        concern = await the_concern(shop, order, "has moved")
        await handle.terminate()

    seen, said = concern.masked(), "[redacted] of [redacted] [2J has moved"
    assert seen.tried is not None
    assert seen.tried.said == f"NotReached: {said}"
    assert seen.reason == concern.impersonal_reason == f"attempt 1: {said}"


async def test_the_oldest_comes_first_with_sums_by_currency_and_lists_tell_what_stopped_it_and_a_note(
    shop: Shop,
) -> None:
    lists = OrderLists(SqlOrderBook(shop.book.database), shop.temporal, shop.task_queue)
    shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"), times=3)
    shop.stage.fail("before send", lambda: NoticeRefused("no such mailbox"))
    orders = [
        an_order(first_attempts=LOCAL, hold_on_failure=HOUR),
        an_order(first_attempts=LOCAL, hold_on_failure=HOUR, currency="EUR"),
    ]
    orders.append(an_order(first_attempts=LOCAL, hold_on_failure=HOUR, lines=orders[0].lines[1:]))
    noted, rows = an_order(), dict[str, OrderSummary]()
    async with shop.open():
        for order in orders:
            await start_and_hold(shop, order)
        await (await shop.start(noted)).result()
        held = await listed(shop, 3)

        async def waits() -> bool:
            rows.update({row.order_id: row for row in (await lists.orders()).rows})
            return rows[orders[0].order_id].status is OrderStatus.NEEDS_ATTENTION

        await eventually(waits, WAIT_SECONDS, "the list to know that it waits")
        why = (OrderFilter(step=Step.SHIPPING, reason="ON strike"), OrderFilter(step=Step.PAYMENT))
        why += (OrderFilter(reason="declined"), OrderFilter(step=Step.SHIPPING, currency="EUR"))
        found = {
            status: [len((await lists.orders(each, status)).rows) for each in why]
            for status in (None, OrderStatus.NEEDS_ATTENTION)
        }
        for order in orders:
            await shop.handle(order).terminate()
    assert [each.order_id for each in held] == [order.order_id for order in orders]
    assert sums_of(held) == ["3 held: 1,119.95 USD, 1,059.97 EUR"]
    assert {receipt.effect for receipt in held[0].receipts} >= {Effect.CHARGE, Effect.RESERVE, Effect.LABEL}
    assert found == {None: [3, 0, 0, 1], OrderStatus.NEEDS_ATTENTION: [3, 0, 0, 1]}
    assert rows[orders[0].order_id].failed_step is Step.SHIPPING
    assert rows[orders[0].order_id].reason == "dispatch, attempt 1: ShippingRefused: on strike"
    assert (rows[noted.order_id].status, rows[noted.order_id].reason) == (OrderStatus.FULFILLED, None)
    assert rows[noted.order_id].note == "the notice was not sent"


async def start_and_hold(shop: Shop, order: Order) -> None:
    await shop.start(order)

    async def is_held() -> bool:
        return (await shop.progress(order)).status is OrderStatus.NEEDS_ATTENTION

    await eventually(is_held, WAIT_SECONDS, "the hold")


async def test_who_is_on_it_is_told_until_the_matter_is_another_also_without_a_worker(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"))
    order = an_order(first_attempts=LOCAL, hold_on_failure=HOUR)
    async with shop.open():
        await shop.start(order)
        await listed(shop, 1)
    [no_worker, held] = await listed(shop, 2)
    assert no_worker.kind is ConcernKind.NO_WORKER
    began = datetime.now(UTC)
    took = await answered(shop, [order.order_id], Action.TAKE)
    assert took[order.order_id].accepted
    async with shop.open():
        [held] = await listed(shop, 1)
        assert (held.taken_by, held.kind) == ("ada@desk-1", ConcernKind.HELD)
        assert held.taken_at is not None
        assert began < held.taken_at < datetime.now(UTC)
        await shop.attention.take(held, "ben@desk-2")
        [held] = await listed(shop, 1)
        assert held.taken_by == "ben@desk-2"
        shop.stage.unreachable("refund")
        assert (await answered(shop, [held.choice], Action.GIVE_UP))[held.choice].accepted

        async def another() -> bool:
            found = [each async for each in shop.attention.attention()]
            return [each.kind for each in found] == [ConcernKind.STUCK_UNDO]

        await eventually(another, WAIT_SECONDS, "its undo to be stuck")
        [stuck] = await listed(shop, 1)
    assert stuck.taken_by is None, "that is another matter"
    monkeypatch.setattr(infra_policy, "CHOSEN", timedelta(seconds=2))
    nobody = await answered(shop, [order.order_id], Action.CANCEL)
    await shop.handle(order).terminate()
    assert "nobody has answered in time" in nobody[order.order_id].detail


async def test_one_answer_to_many_tells_of_each_what_came_of_it(shop: Shop) -> None:
    """One is held, one has failed, one is fulfilled, and one there is not."""
    shop.stage.fail("before reserve", lambda: OutOfStock("none is left"), times=2)
    held = an_order(first_attempts=LOCAL, hold_on_failure=HOUR)
    failed, fulfilled = (an_order(first_attempts=LOCAL) for _ in range(2))
    async with shop.open():
        await start_and_hold(shop, held)
        await shop.ended(await shop.start(failed))
        await shop.ended(await shop.start(fulfilled))
        await listed(shop, 1)
        ids = [held.order_id, failed.order_id, fulfilled.order_id, "NOBODY-1"]
        told = await answered(shop, ids, Action.RETRY, "more has come")
        for order in (held, failed):
            await asyncio.wait_for(shop.handle(order).result(), WAIT_SECONDS)
        cancelled = await answered(shop, [held.order_id], Action.CANCEL)
    assert [told[each].accepted for each in ids] == [True, True, False, False]
    assert told[held.order_id].detail == "inventory runs again now"
    assert told[failed.order_id].detail == "it is submitted again"
    assert "already fulfilled" in told[fulfilled.order_id].detail
    assert "there is no order NOBODY-1" in told["NOBODY-1"].detail
    assert cancelled[held.order_id] == Came(chosen=held.order_id, accepted=False, detail="already closed")
    await shop.assert_clean()


async def test_a_refund_whose_first_transaction_does_not_come_through_needs_attention(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "ANSWER", timedelta(seconds=1))
    order = an_order()
    async with shop.open():
        await (await shop.start(order)).result()
        shop.stage.unreachable("ask_refund")
        asked = await give_back(shop, order, amount="10.00")
        assert await shop.book.refunds_under_way() == {}
        monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=100))
        [stuck] = await listed(shop, 1)
        shop.stage.mend()
        assert (stuck.kind, stuck.refund) == (ConcernKind.STUCK_REFUND, asked.refund_id)
        assert (stuck.amount, stuck.currency) == ("10.00", "USD")
        assert stuck.key is not None
        assert stuck.key.endswith(f":refund-{asked.refund_id}")
        assert await shop.attention.count() == 1


async def test_what_the_server_has_forgotten_cannot_be_run_again(shop: Shop) -> None:
    order = an_order(payment_method="pm_card_declined")
    async with shop.open():
        await shop.ended(await shop.start(order))
    key = WorkflowExecution(workflow_id=order_workflow_id(order.order_id))
    await shop.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=shop.temporal.namespace, workflow_execution=key)
    )

    async def is_gone() -> bool:
        return await describe(shop.temporal, key.workflow_id) is None

    await eventually(is_gone, 2 * WAIT_SECONDS, "Temporal to forget it")
    told = (await answered(shop, [order.order_id], Action.RETRY))[order.order_id]
    assert (told.accepted, "has forgotten what" in told.detail) == (False, True)

"""A fulfilled order gives money back after the fact: once, never too much, or by a person."""

import asyncio

import pytest

from order_system.attention.concerns import ConcernKind
from order_system.domain.answers import AnswerResult, Remedy
from order_system.domain.errors import AnswerRefused, InvalidUsage, NotReached, RefundRefused, UnknownOrder
from order_system.domain.ids import refund_workflow_id
from order_system.domain.order import Capture, Order, OrderLine
from order_system.domain.refunds import RefundState
from order_system.domain.steps import Step
from order_system.gateways.simulated.payment import SimulatedPaymentGateway
from tests.fixtures.shops.refunds import forgotten, give_back, refunded, resolved, result_of, states, stuck
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import WAIT_SECONDS, has_been_tried, resolution, the_concern
from tests.fixtures.steering.waiting import eventually

pytestmark = pytest.mark.usefixtures("calls_may_be_held")


async def test_a_part_a_line_and_the_rest(shop: Shop, order: Order) -> None:
    part = await give_back(shop, order, amount="10.00")
    line = await give_back(shop, order, line="MOUSE-321")
    with pytest.raises(RefundRefused, match="that line is given back already"):
        await give_back(shop, order, line="MOUSE-321")
    with pytest.raises(RefundRefused, match=r"of 1,059.97 USD, 989.99 USD is left"):
        await give_back(shop, order, amount="990.00")
    with pytest.raises(RefundRefused, match="no such line"):
        await give_back(shop, order, line="SOFA-1")
    rest = await give_back(shop, order)
    with pytest.raises(RefundRefused, match=r"of 1,059.97 USD, 0.00 USD is left"):
        await give_back(shop, order)

    assert [(each.state, each.amount) for each in (part, line, rest)] == [
        (RefundState.REFUNDED, 1000),
        (RefundState.REFUNDED, 5998),
        (RefundState.REFUNDED, 98999),
    ]
    assert await states(shop, order) == [(RefundState.REFUNDED, each) for each in (1000, 5998, 98999)]
    assert await refunded(shop, order) == order.total
    await shop.assert_clean()


async def test_the_line_of_a_gift_gives_nothing_back(shop: Shop, order: Order) -> None:
    gift = an_order(lines=(*order.lines, OrderLine(sku="MUG-1", quantity=1, unit_price=0)))
    await (await shop.start(gift)).result()
    with pytest.raises(RefundRefused, match="no such line costs anything"):
        await give_back(shop, gift, line="MUG-1")
    assert await refunded(shop, gift) == 0


async def test_what_was_captured_on_dispatch_is_given_back_likewise(shop: Shop, order: Order) -> None:
    held = an_order(capture=Capture.ON_DISPATCH)
    await (await shop.start(held)).result()
    assert (await give_back(shop, held, amount="10.00")).state is RefundState.REFUNDED
    assert (await give_back(shop, held)).amount == held.total - 1000
    assert await refunded(shop, held) == held.total
    await shop.assert_clean()


async def test_what_is_asked_for_twice_under_one_id_is_given_back_once(shop: Shop, order: Order) -> None:
    twice = [give_back(shop, order, amount="10", refund_id="ticket_1") for _ in range(2)]
    first, second = await asyncio.gather(*twice)
    await forgotten(shop, order, "ticket_1")
    third = await give_back(shop, order, amount="10", refund_id="ticket_1")

    assert first == second == third
    assert await refunded(shop, order) == 1000
    await shop.assert_clean()


async def test_of_two_who_want_all_of_it_one_is_refused(shop: Shop, order: Order) -> None:
    asked = [give_back(shop, order, amount="1059.97") for _ in range(2)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["RefundDocument", "RefundRefused"]
    assert await refunded(shop, order) == order.total
    await shop.assert_clean()


async def test_only_a_fulfilled_order_gives_money_back(shop: Shop, order: Order) -> None:
    failed = an_order(payment_method="pm_card_declined")
    await shop.ended(await shop.start(failed))
    with pytest.raises(RefundRefused, match="is not fulfilled") as refused:
        await give_back(shop, failed)
    assert "arrived broken" not in str(refused.value), "the log of changes has this line, and has no notes"
    with pytest.raises(UnknownOrder):
        await give_back(shop, an_order("NOBODY-KNOWS-1"))
    for wrong in (
        {"note": " "},
        {"note": "4111 1111 1111 1111"},
        {"made_elsewhere": "4111 1111 1111 1111"},
        {"made_elsewhere": " "},
        {"refund_id": "ticket-1"},
        {"amount": "10.001"},
        {"amount": "0.00"},
        {"amount": ""},
        {"amount": "1", "line": "MOUSE-321"},
    ):
        with pytest.raises(InvalidUsage):
            await give_back(shop, order, **wrong)
    assert await states(shop, order) == []


# --- stuck ----------------------------------------------------------------------------------------


async def test_a_worker_that_dies_before_it_has_noted_the_answer_gives_nothing_back_twice(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage.fail("before end_refund", lambda: NotReached("the worker is gone"), times=1)
    name = await stuck(shop, order, monkeypatch)
    await has_been_tried(shop.temporal.get_workflow_handle(refund_workflow_id(order.order_id, name)))
    assert await refunded(shop, order) == 1000
    assert await states(shop, order) == [(RefundState.UNDER_WAY, 1000)]
    await shop.assert_clean()

    assert (await resolved(shop, order, name, Remedy.RETRY)).result == AnswerResult.RETRIED
    assert (await result_of(shop, order, name)).state is RefundState.REFUNDED
    assert await refunded(shop, order) == 1000
    await shop.assert_clean()


async def test_a_refund_that_is_stuck_is_listed_and_handled_by_a_person(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage.unreachable("refund_part")
    name = await stuck(shop, order, monkeypatch)
    concern = await the_concern(shop, order, saying="connection refused")
    assert (concern.kind, concern.refund) == (ConcernKind.STUCK_REFUND, name)
    assert "under way 10.00 USD, asked for by ada@desk-1" in concern.reason
    assert concern.commands == (
        f"python starter.py resolve {order.order_id} payment --refund {name} --retry",
        f'python starter.py resolve {order.order_id} payment --refund {name} --handled --note "..."',
    )

    receipt = await resolved(shop, order, name, Remedy.HANDLED)
    assert receipt.result == AnswerResult.HANDLED
    ended = await result_of(shop, order, name)
    assert (ended.state, ended.detail) == (RefundState.HANDLED, "by ada@desk-1: refunded by hand, ticket 123")
    assert shop.stage.calls["before refund_part"] == 1
    with pytest.raises(RefundRefused):  # it counts as given back
        await give_back(shop, order, amount="1050.00")
    await shop.assert_clean()


async def test_a_refund_that_succeeds_at_that_moment_wins(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = shop.stage.hold("after refund_part")
    name = await stuck(shop, order, monkeypatch)
    await hold.reached()
    answer = asyncio.create_task(resolved(shop, order, name, Remedy.HANDLED))
    handle = shop.temporal.get_workflow_handle(refund_workflow_id(order.order_id, name))

    async def told() -> bool:
        events = (await handle.fetch_history()).events
        return any(event.HasField("activity_task_cancel_requested_event_attributes") for event in events)

    await eventually(told, WAIT_SECONDS, "the cancel of the attempt")
    hold.let_go()
    assert (await answer).result == AnswerResult.OVERTAKEN
    assert await states(shop, order) == [(RefundState.REFUNDED, 1000)]
    await shop.assert_clean()


async def test_a_refund_whose_workflow_is_gone_goes_on_when_it_is_asked_for_again(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage.answer_lost("refund_part", times=1)
    name = await stuck(shop, order, monkeypatch)
    refund = shop.temporal.get_workflow_handle(refund_workflow_id(order.order_id, name))
    await has_been_tried(refund)
    await refund.terminate()
    concern = await the_concern(shop, order, saying=" refund ")  # not to be resolved any more
    assert concern.commands == (f'python starter.py refund {order.order_id} --id {name} --note "..."',)
    with pytest.raises(AnswerRefused, match=f"no workflow is at work on refund {name}: ask for it again"):
        await resolved(shop, order, name, Remedy.HANDLED)

    assert (await give_back(shop, order, refund_id=name)).state is RefundState.REFUNDED
    assert await states(shop, order) == [(RefundState.REFUNDED, 1000)]
    assert await refunded(shop, order) == 1000
    await shop.assert_clean()


async def test_a_gateway_that_refunds_no_parts_leaves_them_to_a_person(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(SimulatedPaymentGateway, "refund_part")
    whole = an_order()
    await (await shop.start(whole)).result()
    assert (await give_back(shop, whole)).state is RefundState.REFUNDED
    assert await refunded(shop, whole) == whole.total

    name = await stuck(shop, order, monkeypatch)

    async def says_so() -> bool:
        concerns = [each async for each in shop.attention.attention() if each.order_id == order.order_id]
        return any("give back 10.00 USD by hand, paid as ch_" in each.reason for each in concerns)

    await eventually(says_so, WAIT_SECONDS, "attention to know what to do")
    await resolved(shop, order, name, Remedy.HANDLED)
    assert await states(shop, order) == [(RefundState.HANDLED, 1000)]
    await shop.assert_clean()


async def test_an_answer_about_a_refund_that_is_not_under_way_is_about_nothing_else(
    shop: Shop, order: Order
) -> None:
    about = resolution(Step.NOTIFICATION, Remedy.HANDLED, refund="nobody_s")
    with pytest.raises(AnswerRefused, match="waits for nobody"):
        await shop.attention.answer(order.order_id, about)
    assert shop.stage.calls["before notice_not_sent"] == 0

"""A fulfilled order gives money back after the fact: once, never too much, or by a person."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from order_system.attention.concerns import ConcernKind
from order_system.audit.report import audit
from order_system.domain.answers import AnswerReceipt, AnswerResult, Remedy
from order_system.domain.errors import AnswerRefused, InvalidUsage, NotReached, RefundRefused, UnknownOrder
from order_system.domain.ids import refund_workflow_id
from order_system.domain.order import Capture, Order, OrderLine
from order_system.domain.refunds import Refund, RefundState
from order_system.domain.steps import Effect, Step
from order_system.gateways.simulated.payment import SimulatedPaymentGateway
from order_system.infra import policy
from order_system.infra.temporal.executions import describe
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import WAIT_SECONDS, resolution
from tests.fixtures.steering.waiting import eventually
from workflows.refund import RefundWorkflow


@pytest.fixture
async def order(shop: Shop) -> AsyncGenerator[Order]:
    """1,059.97 USD, fulfilled, with a worker for the length of the test."""
    order = an_order()
    async with shop.open():
        await (await shop.start(order)).result()
        yield order


async def give_back(shop: Shop, order: Order, **wish: Any) -> Refund:
    asked_by = {"who": "ada@desk-1", "note": "arrived broken"}
    return await shop.client.refunds.give_back(order.order_id, **asked_by | wish)


async def refunded(shop: Shop, order: Order) -> int:
    return (await shop.accounts(order)).refunded


async def states(shop: Shop, order: Order) -> list[tuple[RefundState, int]]:
    """By the book, as `status` tells them."""
    return [(each.state, each.amount) for each in (await shop.client.status(order.order_id)).refunds]


async def test_a_part_a_line_and_the_rest(shop: Shop, order: Order) -> None:
    part = await give_back(shop, order, amount="10.00")
    line = await give_back(shop, order, line="MOUSE-321")
    with pytest.raises(RefundRefused, match="that line is given back already"):
        await give_back(shop, order, line="MOUSE-321")
    with pytest.raises(RefundRefused, match=r"of 1059.97 USD, 989.99 USD is left"):
        await give_back(shop, order, amount="990.00")
    with pytest.raises(RefundRefused, match="no such line"):
        await give_back(shop, order, line="SOFA-1")
    rest = await give_back(shop, order)
    with pytest.raises(RefundRefused, match=r"of 1059.97 USD, 0.00 USD is left"):
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
    await _forgotten(shop, order, "ticket_1")
    third = await give_back(shop, order, amount="10", refund_id="ticket_1")

    assert first == second == third
    assert await refunded(shop, order) == 1000
    await shop.assert_clean()


async def test_of_two_who_want_all_of_it_one_is_refused(shop: Shop, order: Order) -> None:
    asked = [give_back(shop, order, amount="1059.97") for _ in range(2)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["Refund", "RefundRefused"]
    assert await refunded(shop, order) == order.total
    await shop.assert_clean()


async def test_only_a_fulfilled_order_gives_money_back(shop: Shop, order: Order) -> None:
    failed = an_order(payment_method="pm_card_declined")
    await shop.ended(await shop.start(failed))
    with pytest.raises(RefundRefused, match="is not fulfilled"):
        await give_back(shop, failed)
    with pytest.raises(UnknownOrder):
        await give_back(shop, an_order("NOBODY-KNOWS-1"))
    for wrong in (
        {"note": " "},
        {"note": "4111 1111 1111 1111"},
        {"made_elsewhere": "4111 1111 1111 1111"},
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
    name = await _stuck(shop, order, monkeypatch)
    assert await refunded(shop, order) == 1000
    assert await states(shop, order) == [(RefundState.UNDER_WAY, 1000)]
    await shop.assert_clean()

    assert (await _resolve(shop, order, name, Remedy.RETRY)).result == AnswerResult.RETRIED
    assert (await _result(shop, order, name)).state is RefundState.REFUNDED
    assert await refunded(shop, order) == 1000
    await shop.assert_clean()


async def test_a_refund_that_is_stuck_is_listed_and_handled_by_a_person(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage.unreachable("refund_part")
    name = await _stuck(shop, order, monkeypatch)
    await eventually(lambda: shop.stage.called("before refund_part"), WAIT_SECONDS, "an attempt")
    [concern] = [each async for each in shop.attention.attention() if each.order_id == order.order_id]
    assert (concern.kind, concern.refund) == (ConcernKind.STUCK_REFUND, name)
    assert "under way 10.00 USD, asked for by ada@desk-1" in concern.reason
    assert "connection refused" in concern.reason
    assert concern.commands == (
        f"python starter.py resolve {order.order_id} payment --refund {name} --retry",
        f'python starter.py resolve {order.order_id} payment --refund {name} --handled --note "..."',
    )

    receipt = await _resolve(shop, order, name, Remedy.HANDLED)
    assert receipt.result == AnswerResult.HANDLED
    ended = await _result(shop, order, name)
    assert (ended.state, ended.detail) == (RefundState.HANDLED, "by ada@desk-1: refunded by hand, ticket 123")
    assert shop.stage.calls["before refund_part"] == 1
    with pytest.raises(RefundRefused):  # it counts as given back
        await give_back(shop, order, amount="1050.00")
    await shop.assert_clean()


async def test_a_refund_that_succeeds_at_that_moment_wins(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = shop.stage.hold("after refund_part")
    name = await _stuck(shop, order, monkeypatch)
    answer = asyncio.create_task(_resolve(shop, order, name, Remedy.HANDLED))
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
    name = await _stuck(shop, order, monkeypatch)
    await shop.temporal.get_workflow_handle(refund_workflow_id(order.order_id, name)).terminate()
    [concern] = [each async for each in shop.attention.attention() if each.order_id == order.order_id]
    assert concern.commands == (f'python starter.py refund {order.order_id} --id {name} --note "..."',)

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

    name = await _stuck(shop, order, monkeypatch)

    async def says_so() -> bool:
        concerns = [each async for each in shop.attention.attention() if each.order_id == order.order_id]
        return any("give back 10.00 USD by hand, paid as ch_" in each.reason for each in concerns)

    await eventually(says_so, WAIT_SECONDS, "the desk to know what to do")
    await _resolve(shop, order, name, Remedy.HANDLED)
    assert await states(shop, order) == [(RefundState.HANDLED, 1000)]
    await shop.assert_clean()


async def test_an_answer_about_a_refund_that_is_not_under_way_is_about_nothing_else(
    shop: Shop, order: Order
) -> None:
    about = resolution(Step.NOTIFICATION, Remedy.HANDLED, refund="nobody_s")
    with pytest.raises(AnswerRefused, match="waits for nobody"):
        await shop.attention.answer(order.order_id, about)
    assert shop.stage.calls["before notice_not_sent"] == 0


# --- what was made elsewhere ------------------------------------------------------------------------


async def test_a_refund_made_at_the_provider_is_red_until_it_is_noted(shop: Shop, order: Order) -> None:
    ref = (await shop.book.find([order.order_id]))[order.order_id].ref
    outcome = await shop.book.outcome(order.order_id)
    assert outcome is not None
    await shop.world.payments.refund_part(
        f"{ref.key(Effect.CHARGE)}", charge_key=ref.key(Effect.CHARGE), receipt=outcome.payment, amount=500
    )
    assert not (await shop.audit()).clean

    noted = await give_back(shop, order, amount="5.00", made_elsewhere="re_1")
    assert (noted.state, noted.detail) == (RefundState.HANDLED, "made elsewhere: re_1")
    assert (await shop.audit()).refunds == (f"{order.order_id}: {noted}",)
    await shop.assert_clean()
    assert (await give_back(shop, order)).amount == order.total - 500
    assert await refunded(shop, order) == order.total
    await shop.assert_clean()


async def test_nothing_is_said_to_be_noted_before_it_is(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the ID of a refund that is stuck, whose workflow hears nothing of it."""
    shop.stage.unreachable("refund_part")
    name = await _stuck(shop, order, monkeypatch)
    with monkeypatch.context() as impatient:
        impatient.setattr(policy, "ANSWER", timedelta(seconds=1))
        asked = await give_back(shop, order, amount="10.00", refund_id=name, made_elsewhere="re_1")
    assert asked.state is RefundState.UNDER_WAY
    await _resolve(shop, order, name, Remedy.HANDLED)


async def test_what_was_made_elsewhere_is_noted_at_once(shop: Shop, order: Order) -> None:
    """In one transaction: between two, somebody might end its workflow, and ask for it again."""
    shop.stage.fail("before end_refund", lambda: NotReached("the worker is gone"))
    noted = await give_back(shop, order, amount="5.00", refund_id="here", made_elsewhere="re_1")
    assert noted.state is RefundState.HANDLED
    assert await states(shop, order) == [(RefundState.HANDLED, 500)]
    assert shop.stage.calls["before refund_part"] == 0


async def test_a_refund_that_the_gateway_forgot_is_red(shop: Shop, order: Order) -> None:
    await give_back(shop, order, amount="5.00")
    statement = await shop.world.statement()
    charges = tuple(
        type(each)(each.key, each.amount, 0) if order.order_id in each.key else each
        for each in statement.charges or ()
    )
    forgot = type(statement)(**{**vars(statement), "charges": charges})
    assert audit(await shop.book.ledger(), statement).clean
    assert not audit(await shop.book.ledger(), forgot).clean


async def test_an_order_that_is_paid_already_gives_its_own_back(shop: Shop, order: Order) -> None:
    """Two orders of one payment, whose other half is the other one's."""
    await shop.world.payments.receive("ch_shared", amount=3 * order.total, currency="USD")
    shared = [an_order(payment_method="paid:ch_shared") for _ in range(2)]
    for each in shared:
        await (await shop.start(each)).result()
    assert (await give_back(shop, shared[1], amount="10.00")).state is RefundState.REFUNDED
    [payment] = [each for each in (await shop.world.statement()).payments if each.reference == "ch_shared"]
    assert payment.refunded == 1000
    await shop.assert_clean()


async def test_what_was_taken_at_its_word_is_for_a_person_to_give_back(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cash = an_order(payment_method="paid:cash-1")
    await (await shop.start(in_cash)).result()
    name = await _stuck(shop, in_cash, monkeypatch)

    async def says_so() -> bool:
        concerns = [each async for each in shop.attention.attention() if each.order_id == in_cash.order_id]
        return any("give back 10.00 USD by hand, paid as cash-1" in each.reason for each in concerns)

    await eventually(says_so, WAIT_SECONDS, "the desk to know what to do")
    await _resolve(shop, in_cash, name, Remedy.HANDLED)
    assert await states(shop, in_cash) == [(RefundState.HANDLED, 1000)]
    await shop.assert_clean()


# --- helpers ----------------------------------------------------------------------------------------


async def _stuck(shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ID of a refund of 10.00 USD that does not come to its end."""
    with monkeypatch.context() as impatient:
        impatient.setattr(policy, "ANSWER", timedelta(seconds=1))
        asked = await give_back(shop, order, amount="10.00")
    assert asked.state is RefundState.UNDER_WAY
    return asked.refund_id


async def _resolve(shop: Shop, order: Order, name: str, remedy: Remedy) -> AnswerReceipt:
    return await shop.attention.answer(order.order_id, resolution(Step.PAYMENT, remedy, refund=name))


async def _result(shop: Shop, order: Order, name: str) -> Refund:
    workflow_id = refund_workflow_id(order.order_id, name)
    async with asyncio.timeout(WAIT_SECONDS):
        return await shop.temporal.get_workflow_handle_for(RefundWorkflow.run, workflow_id).result()


async def _forgotten(shop: Shop, order: Order, name: str) -> None:
    """By Temporal."""
    execution = WorkflowExecution(workflow_id=refund_workflow_id(order.order_id, name))
    await shop.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=shop.temporal.namespace, workflow_execution=execution)
    )

    async def is_gone() -> bool:
        return await describe(shop.temporal, execution.workflow_id) is None

    await eventually(is_gone, WAIT_SECONDS, "Temporal to forget it")

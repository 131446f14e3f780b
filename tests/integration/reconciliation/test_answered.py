"""What a person may still say when the order's workflow is gone: the reconciler's hears it."""

from collections.abc import Sequence

import pytest
from temporalio.common import RetryPolicy

from order_system.attention.concerns import ConcernKind
from order_system.domain import policy
from order_system.domain.answers import AnsweredAs, AnswerResult, GiveUp, ParcelFate, Remedy
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.errors import AnswerRefused
from order_system.domain.order import Order, SubmissionRef
from order_system.domain.steps import Effect, Step
from order_system.reconciliation.abandoned import AbandonedOrders
from tests.fixtures.shops.abandoned import status_in_book, terminated_at
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import UNDOS, answers, journal, resolution, the_concern
from tests.fixtures.steering.waiting import eventually

SECONDS = 40
"""Less than the age from which the reconciler settles."""


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", RetryPolicy(maximum_attempts=1))


async def terminated_with_a_stuck_undo(shop: Shop, step: Step) -> Order:
    order = an_order()
    await terminated_at(shop, "after buy_label", order)
    shop.stage.unreachable(UNDOS[step])
    assert (await shop.reconcile()).not_yet.count == 1
    return order


@pytest.mark.parametrize("step", [Step.PAYMENT, Step.INVENTORY, Step.SHIPPING])
async def test_a_stuck_undo_of_a_terminated_order_is_ended_by_a_person(shop: Shop, step: Step) -> None:
    async with shop.open():
        order = await terminated_with_a_stuck_undo(shop, step)
        parcel = ParcelFate.VOIDED if step is Step.SHIPPING else None
        receipt = await shop.attention.answer(order.order_id, resolution(step, parcel=parcel))
        assert receipt.result is AnswerResult.HANDLED
        assert await status_in_book(shop, order) is SubmissionStatus.TERMINATED
        effect = {Step.PAYMENT: Effect.CHARGE, Step.INVENTORY: Effect.RESERVE, Step.SHIPPING: Effect.LABEL}
        assert (await journal(shop, order))[effect[step]].state is EffectState.HANDLED
        [(answered, who, _)] = await answers(shop, order)
        assert answered in (AnsweredAs.HANDLED, AnsweredAs.VOIDED)
        assert who == "ada@desk-1"
        with pytest.raises(AnswerRefused, match="waits for nobody"):
            await shop.attention.answer(order.order_id, resolution(step, parcel=parcel))
    await shop.assert_clean()


async def test_who_gave_back_the_money_of_a_parcel_that_is_gone_is_told_so(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        shop.stage.answer_lost("dispatch", times=1)
        await terminated_at(shop, "after dispatch", order)
        with pytest.raises(AnswerRefused, match=f"the carrier has the parcel of {order.order_id}"):
            await shop.attention.answer(order.order_id, resolution(Step.PAYMENT))
        assert await status_in_book(shop, order) is SubmissionStatus.FULFILLED
    await shop.assert_clean()


async def test_a_stuck_undo_of_a_terminated_order_is_tried_again_when_a_person_says_so(shop: Shop) -> None:
    async with shop.open():
        order = await terminated_with_a_stuck_undo(shop, Step.PAYMENT)
        with pytest.raises(AnswerRefused, match="has ended as terminated, and `reconcile` settles it"):
            await shop.attention.answer(order.order_id, GiveUp(who="ada"))
        shop.stage.mend()
        receipt = await shop.attention.answer(order.order_id, resolution(Step.PAYMENT, Remedy.RETRY))
        assert receipt.result is AnswerResult.RETRIED
        assert "refunded" in receipt.detail
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_terminated_order_is_listed_at_once_and_not_if_it_closes_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listed() -> list[str | None]:
        concerns = shop.attention.attention()
        return [each.order_id async for each in concerns if each.kind is ConcernKind.ABANDONED]

    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after buy_label", order)

        async def is_listed() -> bool:
            return await listed() == [order.order_id]

        await eventually(is_listed, SECONDS, "the terminated order to be listed")
        asked = AbandonedOrders._abandoned  # pyright: ignore[reportPrivateUsage]

        async def and_settled(self: AbandonedOrders, page: Sequence[SubmissionRef]) -> list[SubmissionRef]:
            found = await asked(self, page)
            await shop.reconcile()
            return found

        monkeypatch.setattr(AbandonedOrders, "_abandoned", and_settled)
        assert await listed() == []
        assert await status_in_book(shop, order) is SubmissionStatus.TERMINATED


async def test_attention_tells_which_answers_help(shop: Shop) -> None:
    async with shop.open():
        order = await terminated_with_a_stuck_undo(shop, Step.PAYMENT)
        concern = await the_concern(shop, order)
    assert concern.kind is ConcernKind.ABANDONED
    assert concern.step is Step.PAYMENT
    assert f"python starter.py resolve {order.order_id} payment" in "\n".join(concern.commands)

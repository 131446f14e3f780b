"""How long a step is tried: what counts is what reached its gateway. Trouble of our own fails no order."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.attempts import GAVE_UP
from order_system.domain import policy
from order_system.domain.errors import DatabaseUnreachable, NotReached
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Step
from tests.fixtures.shops.activity_calls import payment_request
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import Shop, an_order

PATIENT = policy.DEMO_PATIENCE[Step.PAYMENT]
BOOK_CALLS = ("open charge", "record charge", "claim reserve", "claim dispatch", "fulfil")
FIFTEEN_MINUTES = timedelta(minutes=15)


def away() -> Exception:
    return DatabaseUnreachable("the order book does not answer: database or disk is full")


@pytest.mark.parametrize("call", BOOK_CALLS)
async def test_a_book_that_is_away_fails_no_order(shop: Shop, call: str) -> None:
    shop.stage.fail(f"before {call}", away, times=PATIENT + 2)
    order = an_order()
    async with shop.open():
        assert (await (await shop.start(order)).result()).status is OrderStatus.FULFILLED
    assert shop.stage.calls[f"before {call}"] > PATIENT + 2
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("call", ["charge", "reserve", "buy_label", "dispatch", "commit"])
async def test_a_real_gateway_may_be_away_for_a_quarter_of_an_hour(
    shop: Shop, time_skipping_env: WorkflowEnvironment, call: str
) -> None:
    shop.patience = policy.PATIENCE
    began = await time_skipping_env.get_current_time()

    def still_away() -> Exception:
        return NotReached("connection refused")

    shop.stage.fail(f"before {call}", still_away, times=policy.PATIENCE[Step.PAYMENT] - 1)
    order = an_order()
    async with shop.open():
        assert (await (await shop.start(order)).result()).status is OrderStatus.FULFILLED
    assert await time_skipping_env.get_current_time() - began > FIFTEEN_MINUTES
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.long
async def test_six_orders_outlast_the_book_for_two_minutes_and_a_gateway_for_five(
    shop: Shop, time_skipping_env: WorkflowEnvironment
) -> None:
    shop.patience = policy.PATIENCE
    orders = [an_order() for _ in range(6)]
    now = await time_skipping_env.get_current_time()
    shop.stage.away(BOOK_CALLS, now + timedelta(minutes=2), away)
    shop.stage.away(["buy_label"], now + timedelta(minutes=5), lambda: NotReached("connection refused"))
    async with shop.open():
        handles = await asyncio.gather(*map(shop.start, orders))
        outcomes = [await handle.result() for handle in handles]
    assert {outcome.status for outcome in outcomes} == {OrderStatus.FULFILLED}
    assert await time_skipping_env.get_current_time() - now > timedelta(minutes=5)
    assert shop.stage.calls["before buy_label"] > 2 * len(orders)
    await shop.assert_clean()


async def test_attempts_at_the_gateway_count_and_those_that_our_book_failed_do_not(shop: Shop) -> None:
    shop.stage.fail("before open charge", away, times=3)
    shop.stage.unreachable("charge")
    order = an_order()
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()
        progress = await shop.progress(order)
    assert shop.stage.calls["before charge"] == PATIENT
    assert progress.reason == "NotReached: charge: connection refused"
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_bug_in_an_activity_counts_by_its_attempts(shop: Shop) -> None:
    shop.stage.fail("before claim reserve", lambda: TypeError("a bug of ours"))
    order = an_order()
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()
    assert shop.stage.calls["before claim reserve"] == PATIENT
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_worker_that_dies_in_each_call_is_given_up_after_twice_the_patience(parts: Parts) -> None:
    """It never fails an attempt: so its claims alone tell."""
    request = payment_request(an_order())
    for _ in range(2 * PATIENT):
        parts.stage.forget_holds()
        at_the_gateway = parts.stage.hold("before charge")
        dying = asyncio.create_task(_attempt(parts, request))
        await at_the_gateway.reached()
        dying.cancel()
        await asyncio.wait([dying])
    with pytest.raises(ApplicationError) as ended:
        await _attempt(parts, request)
    assert (ended.value.type, ended.value.non_retryable) == (GAVE_UP, True)
    assert parts.stage.calls["before charge"] == 2 * PATIENT


async def test_a_step_that_a_person_has_run_again_is_as_patient_as_before(parts: Parts) -> None:
    request = payment_request(an_order())
    parts.stage.unreachable("charge")
    for run in ("first run", "second run"):
        for _ in range(PATIENT - 1):
            with pytest.raises(NotReached):
                await _attempt(parts, request, run=run)
    with pytest.raises(ApplicationError) as ended:
        await _attempt(parts, request, run="second run")
    assert ended.value.type == GAVE_UP


async def _attempt(parts: Parts, request: object, *, run: str = "a run") -> object:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, workflow_run_id=run, start_to_close_timeout=policy.EFFECT_ATTEMPT
    )
    return await environment.run(parts.payment.charge, request)

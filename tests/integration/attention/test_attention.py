"""What waits for a person is found on the real server, and answered. Each shop has a task queue of its own,
so that it sees only what is its own."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url
from temporalio.client import Client

from order_system.attention import finder
from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain import policy
from order_system.domain.answers import AnswerResult, GiveUp, Remedy, Resolution, StepRetry
from order_system.domain.errors import (
    AnswerRefused,
    InvalidUsage,
    NoWorkerAnswers,
    ShippingRefused,
    UnknownOrder,
)
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.steps import Effect, Step
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.buggy import BuggyOrderWorkflow, BuggyPaymentWorkflow
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import the_concern
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow
from workflows.payment import PaymentWorkflow
from workflows.registry import WORKFLOWS

WAIT_SECONDS = 60
HOUR = timedelta(hours=1)
REFUNDED = "refunded by hand, ticket 123"


async def listed(
    shop: Shop, enough: Callable[[Sequence[Concern]], bool], slow_after: timedelta = HOUR
) -> list[Concern]:
    """As soon as visibility has caught up."""
    found: list[Concern] = []

    async def is_enough() -> bool:
        found[:] = [concern async for concern in shop.attention.attention(slow_after=slow_after)]
        return enough(found)

    try:
        await eventually(is_enough, WAIT_SECONDS, "what waits for a person")
    except TimeoutError as late:
        raise AssertionError(f"{late}; at last there was {found}") from None
    return found


def kinds(concerns: Sequence[Concern]) -> set[ConcernKind]:
    return {concern.kind for concern in concerns}


async def closed(shop: Shop, order: Order) -> OrderStatus:
    async with asyncio.timeout(WAIT_SECONDS):
        await shop.ended(shop.handle(order))
    return (await shop.client.status(order.order_id)).status


# --- a stuck undo ---------------------------------------------------------------------------------


async def test_a_stuck_undo_is_listed_and_resolved_and_the_audit_tells_by_whom(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    handled = Resolution(who="ada@desk-1", note=REFUNDED, step=Step.PAYMENT, remedy=Remedy.HANDLED)
    began = datetime.now(UTC)
    async with shop.open():
        assert await listed(shop, lambda found: not found) == []
        await shop.client.submit(order)
        (stuck,) = await listed(shop, lambda found: bool(found) and "refund: connection" in found[0].reason)
        with pytest.raises(AnswerRefused, match="inventory has ended: stock released") as refused:
            await shop.attention.answer(order.order_id, handled.model_copy(update={"step": Step.INVENTORY}))
        receipt = await shop.attention.answer(order.order_id, handled)
        assert await closed(shop, order) == OrderStatus.FAILED
        assert await listed(shop, lambda found: not found) == []
        with pytest.raises(AnswerRefused, match="has ended as failed, and waits for nobody"):
            await shop.attention.answer(order.order_id, handled)

    assert (stuck.kind, stuck.order_id, stuck.step) == (ConcernKind.STUCK_UNDO, order.order_id, Step.PAYMENT)
    assert "refund: connection refused" in stuck.reason
    assert stuck.since is not None
    assert began < stuck.since < datetime.now(UTC)
    assert stuck.commands == (
        f"python starter.py resolve {order.order_id} payment --retry",
        f'python starter.py resolve {order.order_id} payment --handled --note "..."',
    )
    assert "\n" not in str(refused.value)
    assert receipt.result == AnswerResult.HANDLED
    (by_hand,) = (await shop.audit()).handled
    assert (by_hand.effect, by_hand.by, by_hand.note) == (Effect.CHARGE, "ada@desk-1", REFUNDED)
    assert by_hand.at is not None


async def test_where_no_worker_answers_the_server_still_knows_which_undo_is_stuck(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("release")
    async with shop.open():
        await shop.client.submit(order)
        await the_concern(shop, order, saying="release: connection refused")
    found = await listed(shop, lambda found: ConcernKind.NO_WORKER in kinds(found))
    monkeypatch.setattr(infra_policy, "ANSWER", timedelta(milliseconds=500))
    retry = Resolution(who="ada", step=Step.INVENTORY, remedy=Remedy.RETRY)
    with pytest.raises(NoWorkerAnswers, match=r"not confirmed: .* within 0.5 seconds. It may still"):
        await shop.attention.answer(order.order_id, retry)

    assert kinds(found) == {ConcernKind.NO_WORKER, ConcernKind.STUCK_UNDO}
    (stuck,) = [concern for concern in found if concern.kind is ConcernKind.STUCK_UNDO]
    assert (stuck.order_id, stuck.step) == (order.order_id, Step.INVENTORY)
    assert "release: connection refused" in stuck.reason


# --- an order that is held ------------------------------------------------------------------------


async def test_a_held_order_is_listed_with_its_time_retried_and_given_up(shop: Shop) -> None:
    order = an_order(hold_on_failure=2 * HOUR)
    shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"))
    async with shop.open():
        await shop.client.submit(order)
        (held,) = await listed(shop, bool)
        retried = await shop.attention.answer(order.order_id, StepRetry(who="ada@desk-1"))
        (again,) = await listed(shop, lambda found: bool(found) and found[0].held_until != held.held_until)
        given_up = await shop.attention.answer(order.order_id, GiveUp(who="ada@desk-1", note="they left"))
        assert await closed(shop, order) == OrderStatus.FAILED

    assert (held.kind, held.step) == (ConcernKind.HELD, Step.SHIPPING)
    assert "on strike" in held.reason
    assert held.held_until is not None
    assert HOUR < held.held_until - datetime.now(UTC) < 2 * HOUR
    assert [command.split()[2] for command in held.commands] == ["retry", "give-up"]
    assert (retried.result, given_up.result) == (AnswerResult.RETRIED, AnswerResult.GIVEN_UP)
    assert again.kind == ConcernKind.HELD
    await shop.assert_clean()


async def test_the_attempt_that_succeeds_once_a_held_step_runs_again_is_told(shop: Shop) -> None:
    order = an_order(hold_on_failure=HOUR)
    shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"), times=1)
    async with shop.open():
        await shop.client.submit(order)
        await listed(shop, bool)
        await shop.attention.answer(order.order_id, StepRetry(who="ada@desk-1"))
        assert await closed(shop, order) == OrderStatus.FULFILLED
        told = (await shop.client.in_full(await shop.client.status(order.order_id))).attempts
    assert [(each.activity, each.said) for each in told] == [
        ("dispatch", "ShippingRefused: on strike"),
        ("dispatch", None),
    ]


async def test_what_is_wrong_with_an_answer_is_told_before_it_is_sent(shop: Shop) -> None:
    with pytest.raises(InvalidUsage, match="who must say who answers"):
        await shop.attention.answer("ORDER-1", StepRetry(who=" "))
    with pytest.raises(UnknownOrder, match="there is no order NOBODY-1"):
        await shop.attention.answer("NOBODY-1", StepRetry(who="ada"))
    with pytest.raises(UnknownOrder, match="is no order ID"):
        await shop.attention.answer("no id", StepRetry(who="ada"))


# --- what cannot speak for itself -----------------------------------------------------------------


async def test_a_workflow_that_is_stuck_on_a_bug_is_listed_with_the_bug(shop: Shop) -> None:
    order = an_order()
    buggy = [BuggyPaymentWorkflow if found is PaymentWorkflow else found for found in WORKFLOWS]
    async with shop.open(workflows=buggy):
        await shop.client.submit(order)
        (stuck,) = await listed(shop, lambda found: ConcernKind.BUG in kinds(found))
    await shop.handle(order).terminate()  # that it goes on with a mended worker is tested elsewhere

    assert (stuck.kind, stuck.order_id) == (ConcernKind.BUG, order.order_id)
    assert stuck.workflow_id == f"payment-{order.order_id}"
    assert "a typing error in workflow code" in stuck.reason


async def test_where_a_worker_runs_whose_code_fails_its_failure_is_told_and_not_that_none_answers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a stock server, which marks such workflows much later.
    monkeypatch.setattr(finder, "_BUGS", "TemporalReportedProblems = 'never'")
    monkeypatch.setattr(infra_policy, "QUERY", timedelta(milliseconds=500))
    order = an_order()
    buggy = [BuggyOrderWorkflow if found is OrderFulfillmentWorkflow else found for found in WORKFLOWS]
    async with shop.open(workflows=buggy):
        await shop.client.submit(order)
        (silent,) = await listed(
            shop, lambda found: bool(found and "code" in found[0].reason), slow_after=timedelta(0)
        )
    await shop.handle(order).terminate()

    assert (silent.kind, silent.order_id) == (ConcernKind.NO_PROGRESS, order.order_id)
    assert silent.reason == "its code fails (KeyError: 'a typing error in workflow code')"


async def test_an_order_that_does_not_move_is_listed_with_what_keeps_it(shop: Shop) -> None:
    order = an_order()
    shop.stage.unreachable("reserve")
    async with shop.open():
        await shop.client.submit(order)
        (slow,) = await listed(
            shop, lambda found: bool(found and "attempt" in found[0].reason), slow_after=timedelta(0)
        )
        assert await listed(shop, lambda found: not found) == []
        await shop.client.cancel(order.order_id)

    assert (slow.kind, slow.order_id, slow.step) == (ConcernKind.NO_PROGRESS, order.order_id, Step.INVENTORY)
    assert "reserve: connection refused" in slow.reason


async def test_without_a_worker_every_open_order_is_listed_and_that_there_is_none(shop: Shop) -> None:
    order = an_order()
    await shop.client.submit(order)

    found = await listed(shop, lambda found: len(found) == 2, slow_after=timedelta(0))

    none, waiting = found
    assert (none.kind, none.commands) == (ConcernKind.NO_WORKER, ("python worker.py",))
    assert "1 workflow is open" in none.reason
    assert (waiting.kind, waiting.order_id) == (ConcernKind.NO_PROGRESS, order.order_id)
    await shop.handle(order).terminate()


# --- batches --------------------------------------------------------------------------------------


async def test_a_batch_is_listed_while_it_cannot_read_while_its_orders_wait_and_when_it_has_failed(
    client: Client, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RETRIED_AGAIN_AND_AGAIN", 2)
    shop = BatchShop(sqlite_database, client, tmp_path)
    name, order_id = f"listed-{shop.task_queue}", f"{shop.task_queue}-1"
    request = await shop.request(name, write_orders(tmp_path / "orders.csv", [row(order_id)]))
    shop.stage.fail("before read_page", lambda: OSError("the share is away"))
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    async with shop.open():
        await shop.batches.start(request)
        (retried,) = await listed(shop, bool)
        shop.stage.fail("before read_page", OSError, times=0)
        waiting = await listed(shop, lambda found: ConcernKind.BATCH_ORDERS in kinds(found))
        await shop.temporal.get_workflow_handle(f"batch-{name}").terminate("by mistake")
        ended = await listed(shop, lambda found: ConcernKind.BATCH_FAILED in kinds(found))
        handled = Resolution(who="ada", note=REFUNDED, step=Step.PAYMENT, remedy=Remedy.HANDLED)
        await shop.attention.answer(order_id, handled)
        shop.stage.mend()
        await shop.run(request)
        assert await listed(shop, lambda found: not found) == []

    assert (retried.kind, retried.batch) == (ConcernKind.RETRIED, name)
    assert "the share is away" in retried.reason
    stuck, of_batch = waiting
    assert (stuck.kind, stuck.order_id, stuck.batch) == (ConcernKind.STUCK_UNDO, order_id, name)
    assert (of_batch.batch, of_batch.reason) == (name, "1 order of it")
    (failed,) = [concern for concern in ended if concern.kind is ConcernKind.BATCH_FAILED]
    assert failed.batch == name
    assert "terminated" in failed.reason.lower()
    assert f"batch run FILE --name {name}" in (failed.cure or "")


async def test_a_book_that_cannot_be_written_to_is_told(
    shop: Shop, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a full disk: whatever is under way waits, and nobody would hear of it."""
    monkeypatch.setattr(infra_policy, "DATABASE_BUSY", timedelta(milliseconds=100))
    with contextlib.closing(sqlite3.connect(make_url(sqlite_url).database or "")) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        [concern] = await listed(shop, lambda found: ConcernKind.BOOK in kinds(found))
        other.execute("ROLLBACK")
    assert "locked" in concern.reason
    assert "end what locks it" in (concern.cure or "")
    assert await listed(shop, lambda found: not found) == []

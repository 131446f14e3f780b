"""The reconciler on the real server: what no workflow is at work on is made whole, all else left alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, ScheduleOverlapPolicy
from temporalio.common import RetryPolicy
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner

from activities.inventory import InventoryActivities
from activities.payment import PaymentActivities
from activities.shipping import ShippingActivities
from order_system.attention.concerns import ConcernKind
from order_system.domain import policy
from order_system.domain.book import Attempt, EffectState, Opening, SubmissionStatus
from order_system.domain.errors import AnswerLost, ReconciliationFailed, ShippingRefused
from order_system.domain.ids import RECONCILIATION
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.reconciliation import ReconciliationReport
from order_system.domain.steps import Effect
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.orders.on_server import TemporalOrderRuns
from order_system.reconciliation.client import ReconciliationClient
from tests.fixtures.shops.activity_calls import a_submission, payment_request, run_activity, undo_request
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stage import Staged
from tests.fixtures.steering.resets import forget, reset
from tests.fixtures.steering.waiting import eventually

WAIT_SECONDS = 30
THREE_QUICK_ATTEMPTS = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3)


@pytest.fixture
def shop(client: Client, sqlite_database: Database) -> Shop:
    shop = Shop(sqlite_database, client)
    # As in production; in the sandbox the recorded histories are replayed (tests/replay).
    shop.worker_options = {"workflow_runner": UnsandboxedWorkflowRunner()}
    return shop


async def terminated_at(shop: Shop, point: str, order: Order) -> None:
    """Its workflow is terminated while the call at this point is under way, which then goes on."""
    hold = shop.stage.hold(point)
    await shop.client.submit(order)
    await hold.reached()
    await shop.handle(order).terminate("by the operator")
    hold.let_go()


async def status_in_book(shop: Shop, order: Order) -> SubmissionStatus:
    return (await shop.book.find([order.order_id]))[order.order_id].status


async def ended(shop: Shop, order: Order) -> OrderStatus:
    async with asyncio.timeout(WAIT_SECONDS):
        async for documents in shop.client.watch([order.order_id]):
            last = documents[order.order_id]
    return last.status


async def said_to_be_abandoned(shop: Shop) -> list[str | None]:
    concerns = shop.attention.attention(abandoned_after=timedelta(0))
    return [concern.order_id async for concern in concerns if concern.kind is ConcernKind.ABANDONED]


def named(report: ReconciliationReport, tally: str) -> list[str]:
    return [finding.order_id for finding in getattr(report, tally).orders]


# --- what is made whole ---------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["after charge", "after reserve", "after buy_label"])
async def test_a_terminated_order_is_made_whole_and_the_next_run_finds_nothing(
    shop: Shop, point: str
) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, point, order)

        async def is_listed() -> bool:
            return await said_to_be_abandoned(shop) == [order.order_id]

        await eventually(is_listed, WAIT_SECONDS, "the server's search to know that it was terminated")
        report = await shop.reconcile()
        assert await said_to_be_abandoned(shop) == []
        assert named(report, "settled") == [order.order_id]
        assert "refunded 1059.97 USD" in report.settled.orders[0].detail
        (await shop.accounts(order)).assert_undone()
        assert await status_in_book(shop, order) == SubmissionStatus.TERMINATED
        progress = await shop.client.status(order.order_id)
        assert progress.status == OrderStatus.TERMINATED
        assert {undo.status for undo in progress.undos} == {"done"}
        assert (await shop.reconcile()).submissions_looked_at == 0
    await shop.assert_clean()


async def test_a_terminated_order_whose_parcel_is_gone_is_closed_as_fulfilled(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after dispatch", order)
        report = await shop.reconcile()
        # The attempt that was let go may be the one that closes it; the reconciler finds it either way.
        assert report.settled.count == report.not_yet.count == 0
        assert await status_in_book(shop, order) == SubmissionStatus.FULFILLED
        assert (await shop.client.status(order.order_id)).status == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_parcel_that_left_without_a_word_is_found_gone_and_its_stock_committed(shop: Shop) -> None:
    order = an_order()
    lost = shop.stage.hold("after dispatch")
    async with shop.open():
        await shop.client.submit(order)
        await lost.reached()
        await shop.handle(order).terminate("by the operator")
        report = await shop.reconcile()
        lost.let_go()
    assert named(report, "fulfilled") == [order.order_id]
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_forgotten_order_is_made_whole(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before claim label")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await forget(shop, order)
        hold.let_go()
        assert named(await shop.reconcile(), "settled") == [order.order_id]
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_young_submission_is_left_for_a_later_run(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        assert (await shop.reconcile(min_age_seconds=60)).submissions_looked_at == 0
        assert await status_in_book(shop, order) == SubmissionStatus.OPEN


async def test_a_resubmission_and_the_reconciler_settle_the_old_one_together(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after buy_label", order)
        settling = shop.stage.hold("before void")
        await shop.client.submit(order)
        await settling.reached()
        reconciling = asyncio.create_task(shop.reconcile())
        settling.let_go()
        report = await reconciling
        assert report.not_yet.count == 0
        assert await ended(shop, order) == OrderStatus.FULFILLED
    accounts = await shop.accounts(order)
    assert order.total == accounts.captured - accounts.refunded
    assert accounts.reservations.count("committed") == 1
    await shop.assert_clean()


async def test_two_reconcilers_at_once_do_it_once(shop: Shop) -> None:
    orders = [an_order() for _ in range(3)]
    async with shop.open():
        for order in orders:
            await terminated_at(shop, "after charge", order)
            shop.stage.forget_holds()
        await asyncio.gather(shop.reconcile(), shop.reconcile())
    for order in orders:
        accounts = await shop.accounts(order)
        assert (order.total, order.total) == (accounts.captured, accounts.refunded)
        assert await status_in_book(shop, order) == SubmissionStatus.TERMINATED
    await shop.assert_clean()


# --- what is not touched --------------------------------------------------------------------------


async def test_an_order_with_an_open_workflow_is_left_alone(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before reserve")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        report = await shop.reconcile()
        assert await said_to_be_abandoned(shop) == []
        assert named(report, "left_alone") == [order.order_id]
        assert shop.stage.calls["before fence"] == 0
        hold.let_go()
        assert await ended(shop, order) == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)


async def test_an_order_that_waits_in_an_undo_is_left_to_its_workflow(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    async with shop.open():
        await shop.client.submit(order)

        async def refund_failed() -> bool:
            return shop.stage.calls["before refund"] > 0

        await eventually(refund_failed, WAIT_SECONDS, "the refund to fail")
        voids = shop.stage.calls["before void"]
        report = await shop.reconcile()
        assert named(report, "left_alone") == [order.order_id]
        assert shop.stage.calls["before void"] == voids
        shop.stage.mend()
        assert await ended(shop, order) == OrderStatus.FAILED
    await shop.assert_clean()


async def test_a_submission_of_another_namespace_is_left_alone(shop: Shop) -> None:
    order = an_order()
    now = datetime.now(UTC) - timedelta(hours=1)
    elsewhere = Attempt(started_at=now, deadline=now, namespace="elsewhere")
    opening = Opening(total=order.total, currency=order.currency)
    await shop.book.open_and_claim_charge(a_submission(order), elsewhere, opening)
    async with shop.open():
        assert (await shop.reconcile()).submissions_looked_at == 0
    assert await status_in_book(shop, order) == SubmissionStatus.OPEN


async def test_a_workflow_that_is_reset_meanwhile_is_left_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has found it terminated; right before the void it is open again."""
    monkeypatch.setattr(policy, "CHILD_BUSY_POLL", infra_policy.WATCH_POLL)
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        looked = shop.stage.hold("after current_run")
        reconciling = asyncio.create_task(shop.reconcile())
        await looked.reached()
        await reset(shop, order, task=0)
        looked.let_go()
        report = await reconciling
        assert named(report, "left_alone") == [order.order_id]
        assert await ended(shop, order) == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_reset_in_the_last_gap_before_the_fence_still_ends_whole(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the race (docs/adr/0008): the order is undone although it could have gone on."""
    monkeypatch.setattr(policy, "CHILD_BUSY_POLL", infra_policy.WATCH_POLL)
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        about_to_fence = shop.stage.hold("before fence")
        goes_on = shop.stage.hold("before claim label")
        reconciling = asyncio.create_task(shop.reconcile())
        await about_to_fence.reached()
        await reset(shop, order, task=0)
        await goes_on.reached()
        about_to_fence.let_go()
        await reconciling
        goes_on.let_go()
        assert await ended(shop, order) == OrderStatus.FAILED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


# --- trouble --------------------------------------------------------------------------------------


async def test_look_ups_that_fail_are_repeated(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    abandoned, running = an_order(), an_order()
    async with shop.open():
        await terminated_at(shop, "before claim label", abandoned)
        hold = shop.stage.hold("before reserve")
        await shop.client.submit(running)
        await hold.reached()
        for look_up in ("open_submissions", "current_run", "keys_in_doubt"):
            shop.stage.unreachable(look_up, times=1)
        report = await shop.reconcile()
        assert (named(report, "settled"), named(report, "left_alone")) == (
            [abandoned.order_id],
            [running.order_id],
        )
        hold.let_go()
        assert await ended(shop, running) == OrderStatus.FULFILLED


@pytest.mark.parametrize("look_up", ["open_submissions", "current_run"])
async def test_a_look_up_that_never_works_fails_the_run_and_touches_nothing(
    shop: Shop, look_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    order = an_order()
    reconciler = ReconciliationClient(shop.temporal, task_queue=shop.task_queue)
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        shop.stage.unreachable(look_up)
        with pytest.raises(ReconciliationFailed, match="connection refused"):
            await reconciler.report(await reconciler.start())
        assert await status_in_book(shop, order) == SubmissionStatus.OPEN
        assert shop.stage.calls["before fence"] == 0
        shop.stage.mend()
        assert named(await reconciler.report(await reconciler.start()), "settled") == [order.order_id]


async def test_an_undo_that_keeps_failing_holds_up_no_other_order_and_not_the_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    stuck, other = an_order(payment_method="pm_refund_never"), an_order()
    async with shop.open():
        for order in (stuck, other):
            await terminated_at(shop, "before claim label", order)
            shop.stage.forget_holds()
        report = await shop.reconcile()
        assert (named(report, "not_yet"), named(report, "settled")) == ([stuck.order_id], [other.order_id])
        assert report.unsettled == 1
        assert report.not_yet.orders[0].detail.startswith("refund: ")
        assert (await shop.accounts(stuck)).reservations == ["released"], "the stock does not wait for it"
        assert await status_in_book(shop, stuck) == SubmissionStatus.OPEN


async def test_a_server_without_our_namespace_has_not_forgotten_our_orders(client: Client) -> None:
    elsewhere = Client(client.service_client, namespace="nowhere")
    with pytest.raises(RPCError, match="nowhere"):
        await TemporalOrderRuns(elsewhere).current_run("ORDER-1")
    assert await TemporalOrderRuns(client).current_run("NEVER-SUBMITTED") is None


async def test_it_goes_through_all_pages_and_continues_as_new(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_PAGE", 1)
    monkeypatch.setattr(policy, "RECONCILE_HISTORY_EVENTS", 1)
    monkeypatch.setattr(policy, "RECONCILE_NAMED", 1)
    orders = [an_order() for _ in range(2)]
    async with shop.open():
        for order in orders:
            await terminated_at(shop, "after charge", order)
            shop.stage.forget_holds()
        report = await shop.reconcile(run="paged")
        described = await shop.temporal.get_workflow_handle("reconciliation-paged").describe()
        assert described.raw_description.workflow_execution_info.first_run_id != described.run_id
    assert (report.submissions_looked_at, report.settled.count) == (2, 2)
    assert len(report.settled.orders) == 1, "all are counted, some are named"
    await shop.assert_clean()


# --- keys in doubt --------------------------------------------------------------------------------


async def left_in_doubt(shop: Shop, order: Order) -> None:
    """Its charge was never answered, the undo found nothing, and the order is closed."""
    payment = PaymentActivities(shop.book, Staged(shop.world.payments, shop.stage))
    shop.stage.fail("before charge", lambda: AnswerLost("a time-out"), times=1)
    with pytest.raises(AnswerLost):
        await run_activity(payment.charge, payment_request(order))
    shipping = ShippingActivities(shop.book, shop.world.carrier, shop.world.warehouse)
    await run_activity(shipping.void_shipment, undo_request(order))
    await run_activity(InventoryActivities(shop.book, shop.world.warehouse).release, undo_request(order))
    await run_activity(payment.refund, undo_request(order), after=policy.EFFECT_ATTEMPT)


async def the_charge_lands(shop: Shop, order: Order) -> None:
    await shop.world.payments.charge(
        a_submission(order).key(Effect.CHARGE),
        amount=order.total,
        currency=order.currency,
        payment_method=order.payment_method,
    )


async def charge_in_book(shop: Shop, order: Order) -> EffectState:
    return (await shop.book.journal(a_submission(order)))[Effect.CHARGE].state


async def test_what_a_zombie_left_behind_the_fence_is_given_back(shop: Shop) -> None:
    landed, nothing = an_order(), an_order()
    for order in (landed, nothing):
        await left_in_doubt(shop, order)
    async with shop.open():
        first = await shop.reconcile()
        assert (first.keys_asked, first.doubts_left.count, first.unsettled) == (2, 2, 0)

        await the_charge_lands(shop, landed)
        assert not (await shop.audit()).clean
        second = await shop.reconcile()
        assert named(second, "doubts_undone") == [landed.order_id]
        assert second.doubts_undone.orders[0].detail == "charge: refunded 1059.97 USD"
    assert await charge_in_book(shop, landed) == EffectState.UNDONE
    accounts = await shop.accounts(landed)
    assert (landed.total, landed.total) == (accounts.captured, accounts.refunded)
    await shop.assert_clean()
    assert [doubt.order_id for doubt in (await shop.audit()).in_doubt] == [nothing.order_id]


async def test_a_page_of_keys_whose_worker_has_died_is_asked_for_again_long_before_its_time_is_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "KEYS_HEARTBEAT", timedelta(seconds=1))
    silent = shop.stage.hold("before keys_in_doubt")
    async with shop.open(), asyncio.timeout(policy.KEYS_ATTEMPT.total_seconds() / 4):
        await shop.reconcile()
        silent.let_go()
    assert shop.stage.calls["before keys_in_doubt"] == 2


async def test_after_the_horizon_a_key_is_asked_for_once_more_and_settled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "IN_DOUBT_HORIZON", -policy.EFFECT_ATTEMPT)
    landed, nothing = an_order(), an_order()
    for order in (landed, nothing):
        await left_in_doubt(shop, order)
    await the_charge_lands(shop, landed)
    async with shop.open():
        report = await shop.reconcile()
        assert (named(report, "doubts_undone"), named(report, "doubts_ended")) == (
            [landed.order_id],
            [nothing.order_id],
        )
        assert (await shop.reconcile()).keys_asked == 0
    assert await charge_in_book(shop, nothing) == EffectState.NEVER_HAPPENED
    await shop.assert_clean()
    assert (await shop.audit()).in_doubt == ()


async def test_a_gateway_that_cannot_tell_leaves_the_key_in_doubt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "IN_DOUBT_HORIZON", -policy.EFFECT_ATTEMPT)
    order = an_order()
    await left_in_doubt(shop, order)
    shop.stage.unreachable("refund")
    async with shop.open():
        report = await shop.reconcile()
    assert (named(report, "doubts_unanswered"), report.unsettled) == ([order.order_id], 1)
    assert await charge_in_book(shop, order) == EffectState.IN_DOUBT


# --- on schedule ----------------------------------------------------------------------------------


@pytest.fixture
async def scheduled(shop: Shop) -> AsyncIterator[ReconciliationClient]:
    """There is one schedule in a namespace: none is left behind."""
    reconciler = ReconciliationClient(shop.temporal, task_queue=shop.task_queue)
    await reconciler.ensure_schedule(timedelta(0))
    yield reconciler
    await reconciler.ensure_schedule(timedelta(0))


async def test_the_schedule_is_made_changed_and_taken_away(
    shop: Shop, scheduled: ReconciliationClient
) -> None:
    hourly, daily = timedelta(hours=1), timedelta(days=1)
    await asyncio.gather(*(scheduled.ensure_schedule(hourly) for _ in range(4)))
    handle = shop.temporal.get_schedule_handle(RECONCILIATION)
    await handle.pause(note="by the operator")

    async def paused() -> bool:  # the server answers before it has done so
        return (await handle.describe()).schedule.state.paused

    await eventually(paused, WAIT_SECONDS, "the schedule to be paused")
    await scheduled.ensure_schedule(daily)
    found = (await handle.describe()).schedule
    assert [each.every for each in found.spec.intervals] == [daily]
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert (found.state.paused, found.state.note) == (True, "by the operator")
    for _ in range(2):
        await scheduled.ensure_schedule(timedelta(0))
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()


async def test_on_schedule_a_terminated_order_is_made_whole_without_a_hand(
    shop: Shop, scheduled: ReconciliationClient
) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        await scheduled.ensure_schedule(timedelta(seconds=1))

        async def settled() -> bool:
            return await status_in_book(shop, order) == SubmissionStatus.TERMINATED

        await eventually(settled, WAIT_SECONDS, "the reconciler to come by")
        await scheduled.ensure_schedule(timedelta(0))
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()

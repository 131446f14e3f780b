"""Drives the orders and batches of a plan through the arena.

A run is over when all is quiet: every order has ended or waits for a person, what was terminated has been
settled, and nothing that was lost on its way can still land.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from itertools import cycle

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from order_system.domain import policy
from order_system.domain.batch import BatchRequest
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import OrderSystemError
from order_system.domain.ids import RECONCILIATION, batch_workflow_id, order_workflow_id
from order_system.domain.order import Handling
from order_system.infra import policy as infra_policy
from tests.chaos.arena import Arena
from tests.chaos.cases import START
from tests.chaos.listener import Listener
from tests.chaos.orders import order_of, write_file
from tests.chaos.plan import Plan, PlannedOrder
from tests.chaos.run import Run

LOOK_SECONDS = 0.5
QUIET_LOOKS = 3
RECONCILED = 8
BATCH_WINDOW = 12


async def run_plan(
    plan: Plan, arena: Arena, *, workers: int, in_flight: int, patience: float, reconciled: int = RECONCILED
) -> Run:
    """`patience`: seconds after which whatever is not quiet counts as unsettled. `reconciled`: runs of the
    reconciler at most, when nothing else runs any more."""
    plan.write(arena.stage.plan)
    arena.patient = plan.fails_nobody
    run = Run(plan, arena, await arena.temporal())
    director = Director(run, in_flight, reconciled)
    listening = asyncio.create_task(director.listener.listen())
    await director.submit_what_no_worker_sees()
    arena.start_workers(workers)
    driving = asyncio.create_task(director.drive())
    done, _ = await asyncio.wait([driving, listening], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    for task in (driving, listening):
        task.cancel()
    await asyncio.wait([driving, listening])
    for task in done:
        task.result()  # raises what went wrong with us, not with the product
    if not done:
        run.unsettled = await director.still_open() or ["something"]
    run.seconds = time.monotonic() - run.began
    return run


class Director:
    def __init__(self, run: Run, in_flight: int, reconciled: int) -> None:
        self._run = run
        self._arena = run.arena
        self._in_flight = in_flight
        self._reconciled = reconciled
        self._planned = {order.order_id: order for order in run.plan.orders}
        self.listener = Listener(run, self.submit)

    # --- driving ---------------------------------------------------------------------------------

    async def drive(self) -> None:
        plan = self._run.plan
        batches = [
            asyncio.create_task(self._see_batch_through(name, orders, handling))
            for (name, orders), handling in zip(plan.batches().items(), _handlings(plan), strict=False)
        ]
        try:
            await self._submit_all([order for order in self._run.plan.orders if order.batch is None])
            await asyncio.gather(*batches)
        finally:
            for batch in batches:
                batch.cancel()
        await self._until_nothing_runs()
        await self._until_nothing_can_land()
        await self._reconcile()
        await self._submit_what_nobody_heard_of()
        await self._until_the_schedule_rests()

    async def submit_what_no_worker_sees(self) -> None:
        for order in self._run.plan.orders:
            if order.cancelled_at_once:
                await self.submit(order)
                await self._run.temporal.get_workflow_handle(order_workflow_id(order.order_id)).cancel()

    async def _submit_all(self, orders: Sequence[PlannedOrder]) -> None:
        """A window over the orders, by how many have ended: so the load does not depend on the clock."""
        waiting = [order for order in orders if not order.cancelled_at_once]
        under_way: set[str] = set()
        while waiting:
            while waiting and len(under_way) < self._in_flight:
                order = waiting.pop(0)
                under_way.add(order.order_id)
                self._arena.in_background(self.submit(order))
            await asyncio.sleep(LOOK_SECONDS)
            records = await self._run.found(sorted(under_way))
            ended = {
                order_id
                for order_id, record in records.items()
                if record.status is not SubmissionStatus.OPEN or self._planned[order_id].stays_stuck
            }
            under_way -= ended | self.listener.terminated

    async def submit(self, planned: PlannedOrder) -> None:
        """As a shop does it: again and again until the server has taken it."""
        order = order_of(planned)
        clients = 2 if planned.submitted_twice else 1
        with self._run.busy_with(order.order_id):
            while True:
                with contextlib.suppress(OrderSystemError):
                    await asyncio.gather(*(self._run.orders.submit(order) for _ in range(clients)))
                    return
                await asyncio.sleep(LOOK_SECONDS)

    # --- batches ---------------------------------------------------------------------------------

    async def _see_batch_through(self, name: str, orders: Sequence[PlannedOrder], handling: Handling) -> None:
        """Started again until it has run to its end, as one does after a cancel or a terminate."""
        file = write_file(self._arena.folder / f"{name}.csv", orders)
        reference = await self._arena.system.files.inspect(str(file))
        request = BatchRequest(
            name=name,
            file=reference,
            window=BATCH_WINDOW,
            **handling.model_dump(),
            page_bytes=1_500,
            continue_after_events=policy.BATCH_HISTORY_EVENTS_LEAST
            if any(point == START for order in orders for point in order.points)
            else policy.BATCH_HISTORY_EVENTS,
        )
        while True:
            with contextlib.suppress(OrderSystemError, RPCError):
                await self._arena.system.batch_client(self._run.temporal).start(request)
                if await self._batch_ended(name) is WorkflowExecutionStatus.COMPLETED:
                    return
            await asyncio.sleep(LOOK_SECONDS)

    async def _batch_ended(self, name: str) -> WorkflowExecutionStatus | None:
        batch = self._run.temporal.get_workflow_handle(batch_workflow_id(name))
        while True:
            with contextlib.suppress(RPCError):
                status = (await batch.describe(rpc_timeout=infra_policy.RPC)).status
                if status is not WorkflowExecutionStatus.RUNNING:
                    return status
            await asyncio.sleep(LOOK_SECONDS)

    # --- until all is quiet ----------------------------------------------------------------------

    async def still_open(self) -> list[str]:
        records = await self._run.records()
        return [
            order_id
            for order_id, planned in self._planned.items()
            if not planned.stays_stuck
            and (order_id not in records or records[order_id].status is SubmissionStatus.OPEN)
        ]

    async def _until_nothing_runs(self, *, nor_the_reconciler: bool = False) -> None:
        """Several looks, since the server lists with a delay. What is open in the book then, and was not
        terminated, is judged later."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            running = await self._running()
            if not nor_the_reconciler:
                running = {each for each in running if not each.startswith(RECONCILIATION)}
            quiet = 0 if running or self._run.under_way.total() else quiet + 1
            await asyncio.sleep(LOOK_SECONDS if quiet else 2 * LOOK_SECONDS)

    async def _until_the_schedule_rests(self) -> None:
        """A run of the reconciler that is under way is no order that was forgotten; but one that does not
        end is judged like any other workflow."""
        if self._arena.system.settings.reconcile_every:
            temporal = self._run.temporal
            schedule = temporal.get_schedule_handle(self._arena.system.reconciler(temporal).id)
            await schedule.pause(note="chaos: all is quiet")
        await self._until_nothing_runs(nor_the_reconciler=True)

    async def _running(self) -> set[str]:
        """Workflows that the server has open, but for orders that wait for a person for ever."""
        running: set[str] = set()
        queue = self._arena.system.task_queue
        query = f"TaskQueue = '{queue}' AND ExecutionStatus = 'Running'"
        with contextlib.suppress(RPCError):
            async for found in self._run.temporal.list_workflows(query):
                running.add(found.id)
            stuck = {order_workflow_id(each.order_id) for each in self._planned.values() if each.stays_stuck}
            return running - stuck
        return {"the server does not answer"}

    async def _reconcile(self) -> None:
        """Settles what was terminated and not submitted again, and what landed when nobody waited."""
        reconciler = self._arena.system.reconciler(self._run.temporal)
        for _ in range(self._reconciled):
            report = await reconciler.report(await reconciler.start())
            if not report.unsettled:
                return
            await asyncio.sleep(LOOK_SECONDS)  # what is still open then is judged

    async def _submit_what_nobody_heard_of(self) -> None:
        """Terminated before the book had heard of them."""
        for order_id in set(await self.still_open()) - set(await self._run.records()):
            workflow = self._run.temporal.get_workflow_handle(order_workflow_id(order_id))
            if (await workflow.describe()).status is WorkflowExecutionStatus.TERMINATED:
                await self.submit(self._planned[order_id])
        await self._until_nothing_runs()

    async def _until_nothing_can_land(self) -> None:
        dues = [entry.due for entry in self._arena.entries.entries if entry.due is not None]
        limit = policy.EFFECT_ATTEMPT.total_seconds() * self._arena.pace
        await asyncio.sleep(max(0.0, max(dues, default=0.0) - time.time() + limit * 0.2))


def _handlings(plan: Plan) -> Iterator[Handling]:
    """Of the batches, in turns."""
    turns = zip(
        cycle(plan.flows), cycle(reversed(plan.captures)), cycle(reversed(plan.first_attempts)), strict=True
    )
    for flow, capture, first_attempts in turns:
        yield Handling(flow=flow, capture=capture, first_attempts=first_attempts)

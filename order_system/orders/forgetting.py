"""Forgets closed orders: removes all that tells of their customers.

First the book notes who asks for it, when and why. Then the order's workflows, the batches that carried it,
and their uploaded files are deleted. Last the book blanks its own texts and, once no byte of them is left,
notes that. If this is cut off, the same request again finishes it. All runs are chosen before the first is
deleted, and each is looked at again right before it is deleted: a closed run never opens again, and a new
submission of the order has its own runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution as RunKey
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription

from order_system.book.order_book import SqlOrderBook
from order_system.domain.answers import Answer, Came, flaw_in
from order_system.domain.errors import ForgettingRefused, InvalidUsage, KeyTrouble, UnknownOrder
from order_system.domain.ids import BOOK, check_order_id, order_workflow_id, step_workflow_id
from order_system.domain.reconciliation import Finding, ReconciliationReport, ReconciliationRequest
from order_system.domain.search_attributes import ORDER_ID
from order_system.domain.steps import Step
from order_system.domain.wording import duration_text
from order_system.infra import policy
from order_system.infra.changes import noted
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import if_there, reaching_server
from order_system.infra.temporal.executions import describe, first_run, side_by_side
from order_system.infra.temporal.servers import server_of


@dataclass
class Forgetting:
    _temporal: Client
    _book: SqlOrderBook
    _uploads: Path
    _elsewhere: Callable[[str], Awaitable[None]]
    """Makes the gateways forget an order."""
    _compact: Callable[[], Awaitable[None]]
    """Removes the bytes of what was blanked."""

    async def all_of(self, order_ids: Sequence[str], *, who: str, note: str) -> AsyncGenerator[Came]:
        """Forget the orders, one after another. A refused order does not stop the others. Idempotent.

        Raises InvalidUsage. Raises ServerUnreachable and DatabaseUnreachable, which stop all orders."""
        asked, gone = Answer(who=who, note=note), dict[str, Sequence[str]]()
        if (flaw := flaw_in(asked)) or not note.strip():
            raise InvalidUsage(flaw or "note must say why, e.g. asked for, ticket 123")
        for order_id in order_ids:
            try:
                detail, gone[order_id] = await self._forget(order_id, asked)
            except (ForgettingRefused, UnknownOrder) as refused:
                yield Came(chosen=order_id, accepted=False, detail=str(refused))
            else:
                yield Came(chosen=order_id, accepted=True, detail=detail)
        if gone:
            await self._compact()
            await self._book.note_forgotten(gone)

    @activity.defn
    async def forget_old(self, request: ReconciliationRequest) -> ReconciliationReport:
        """Forget orders closed for longer than `forget_after`. Refused ones are reported as left alone."""
        # By the clock of the server: that of one worker may be ahead, and nothing comes back.
        now, age, report = activity.info().started_time, request.forget_after, ReconciliationReport()
        if age is None or age > now - datetime.min.replace(tzinfo=UTC):
            return report  # nothing is that old
        due = await self._book.to_forget(before=now - age)
        note = f"closed for more than {duration_text(age)}"
        async for came in self.all_of(due, who="ORDER_FORGET_AFTER", note=note):
            activity.heartbeat()
            finding = Finding(order_id=came.chosen, submission="", detail=came.detail)
            report = report.with_one_more("settled" if came.accepted else "left_alone", finding)
        return report

    @noted("forget")
    async def _forget(self, order_id: str, asked: Answer) -> tuple[str, Sequence[str]]:
        check_order_id(order_id)
        batches = await self._book.batches_with(order_id)
        known = (await self._book.find([order_id])).get(order_id)
        async with reaching_server():
            newest = await describe(self._temporal, order_workflow_id(order_id))
            if newest is None and known is None:
                raise UnknownOrder(f"there is no order {order_id}, neither on the server nor in the book")
            runs = await self._runs(order_id, newest, {run: batch for batch, run, _ in batches})
            here = await server_of(self._temporal)
            submissions = await self._book.begin_forgetting(order_id, known, here, asked)
            await self._delete(order_id, runs)
        files = {file for _, _, file in batches if not self._delete_upload(Path(file))}
        await self._elsewhere(order_id)
        await self._book.end_forgetting(order_id, submissions)
        yours = (f"; its file {file} is yours to delete" for file in sorted(files))
        return "forgotten" + "".join(yours), submissions

    async def _runs(
        self, order_id: str, newest: WorkflowExecutionDescription | None, carried: Mapping[str, str]
    ) -> list[WorkflowExecutionDescription]:
        """Return all runs that tell of it. ForgettingRefused if one, or an order of its batches, is open."""
        batches = set(carried.values())
        own = [order_workflow_id(order_id), *(step_workflow_id(step, order_id) for step in Step)]
        that_tell = [
            f"{ORDER_ID.name} = {visibility.quoted(order_id)}",
            visibility.with_ids([*own, *batches]),
        ]
        others = [
            f"ParentWorkflowId = {visibility.quoted(each)} AND {visibility.RUNNING}" for each in batches
        ]
        # A run that has just begun is in no list yet.
        newest_ones = await side_by_side(partial(describe, self._temporal), [*own[1:], *batches])
        runs = list(filter(None, [newest, *newest_ones, *await self._listed(that_tell)]))
        looked_at = [*runs, *await self._listed(others)]
        if still_open := next((run.id for run in looked_at if run.close_time is None), None):
            raise ForgettingRefused(f"{order_id} is not forgotten: {still_open} is open")
        with suppress(KeyTrouble):  # its key is destroyed
            if newest and (book := (await newest.memo()).get(BOOK)) not in (None, self._book.book_id):
                raise ForgettingRefused(f"{order_id} is not forgotten: here it is an order of book {book}")
        return [run for run in runs if run.id not in batches or first_run(run) in carried]

    async def _listed(self, conditions: Sequence[str]) -> list[WorkflowExecutionDescription]:
        """Describe the runs that meet any of the conditions. Lists are late, so each run is looked at."""
        query = " OR ".join(f"({each})" for each in conditions)
        if not query:  # which would list all there is
            return []
        listed = [run async for run in self._temporal.list_workflows(query, rpc_timeout=policy.RPC)]
        return list(filter(None, await side_by_side(self._as_it_is, listed)))

    async def _delete(self, order_id: str, runs: Sequence[WorkflowExecutionDescription]) -> None:
        """Delete the runs, and wait until they are gone. Raises ForgettingRefused if that takes long."""
        until = asyncio.get_running_loop().time() + policy.FORGET_WITHIN.total_seconds()
        while left := list(filter(None, await side_by_side(self._as_it_is, runs))):
            if asyncio.get_running_loop().time() > until:
                words = "is being forgotten, and the server has not deleted all yet: say it again in a minute"
                raise ForgettingRefused(f"{order_id} {words}")
            for run in left:
                if run.close_time:
                    key = RunKey(workflow_id=run.id, run_id=run.run_id)
                    request = DeleteWorkflowExecutionRequest(
                        namespace=self._temporal.namespace, workflow_execution=key
                    )
                    deleting = self._temporal.workflow_service.delete_workflow_execution
                    await if_there(deleting(request, retry=True, timeout=policy.RPC))
            await asyncio.sleep(policy.FORGET_AGAIN.total_seconds())

    async def _as_it_is(self, run: WorkflowExecution) -> WorkflowExecutionDescription | None:
        return await describe(self._temporal, run.id, run.run_id)

    def _delete_upload(self, path: Path) -> bool:
        """Delete an uploaded file. False if it was not uploaded here."""
        if not path.is_relative_to(self._uploads.resolve()):
            return False
        path.unlink(missing_ok=True)
        with suppress(OSError):  # another batch has the same file
            path.parent.rmdir()
        return True

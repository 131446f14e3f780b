"""Submissions that are open in the order book although no workflow is at work on them any more.

Their money and stock are held for nobody. The reconciler settles them, unless it is off or gets stuck.

Other Temporal servers than ours may also have left some open: a person may adopt those.

The cost: one search on the server for each page of open submissions, and one call for each that it misses."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.client import Client

from order_system.book.reconciliation import SqlReconciliationBook
from order_system.domain.book import Stranded
from order_system.domain.errors import InvalidUsage
from order_system.domain.ids import order_id_in, order_workflow_id
from order_system.domain.order import SubmissionRef
from order_system.domain.reconciliation import OlderOnes, OrderRuns, OwedNotice, is_abandoned
from order_system.infra import policy
from order_system.infra.changes import noted
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import reaching_server
from order_system.infra.temporal.executions import side_by_side

Item = TypeVar("Item", SubmissionRef, OwedNotice)


class AbandonedOrders:
    def __init__(self, temporal: Client, book: SqlReconciliationBook, runs: OrderRuns) -> None:
        self._temporal = temporal
        self._book = book
        self._runs = runs

    async def found(self, *, older_than: timedelta) -> AsyncGenerator[SubmissionRef]:
        """Yield abandoned submissions by order ID. Raises the SDK's RPCError when the server fails."""
        async for page in self._pages(self._book.open_submissions, older_than):
            for ref in await self._abandoned(page):
                yield ref

    async def owed_notices(self, *, older_than: timedelta) -> AsyncGenerator[OwedNotice]:
        """Yield owed notices of closed submissions that no workflow is at work on any more."""
        async for page in self._pages(self._book.owed_notices, older_than):
            abandoned = await self._abandoned([owed.submission for owed in page])
            for owed in page:
                if owed.submission in abandoned:
                    yield owed

    async def stranded(self, *, older_than: timedelta = timedelta(0)) -> Sequence[Stranded]:
        """Return what other servers than ours have left open. Younger submissions are left out: the other
        server may well be at work on them. Raises ServerUnreachable if our own cannot be reached."""
        async with reaching_server():
            here = await self._runs.server()
        return await self._book.stranded(here, opened_before=datetime.now(UTC) - older_than)

    @noted("adopt")
    async def adopt(self, server: str, *, who: str, note: str) -> int:
        """Adopt what a server has left open that is gone for good, as a person says. From then on our own
        reconciler settles it. Returns the number of submissions.

        Raises InvalidUsage for our own server, and for one that the book does not know; else as above."""
        async with reaching_server():
            here = await self._runs.server()
        if server in here.names:
            raise InvalidUsage(
                f"{server} is the server that this command speaks to: nothing is to be adopted"
            )
        adopted = await self._book.adopt(server, here, who=who, note=note, at=datetime.now(UTC))
        if adopted is None:
            known = ", ".join(each.server for each in await self.stranded()) or "none"
            raise InvalidUsage(
                f"the book has nothing of a server {server[:80]}, or all of it is adopted already; "
                f"others with open orders: {known}"
            )
        return adopted

    async def _pages(
        self, read: Callable[[OlderOnes], Awaitable[Sequence[Item]]], older_than: timedelta
    ) -> AsyncGenerator[Sequence[Item]]:
        before, here = datetime.now(UTC) - older_than, await self._runs.server()
        after: str | None = None
        while page := await read(OlderOnes(here, before, after)):
            yield page
            after = page[-1].order_id

    async def _abandoned(self, page: Sequence[SubmissionRef]) -> list[SubmissionRef]:
        """Return the abandoned ones. A search may be a moment late, so what it does not show is looked up."""
        running = await self._seen_running(page)
        unseen = [ref for ref in page if order_workflow_id(ref.order_id) not in running]
        current = await side_by_side(self._runs.current_run, [ref.order_id for ref in unseen])
        return [ref for ref, run in zip(unseen, current, strict=True) if is_abandoned(run)]

    async def _seen_running(self, page: Sequence[SubmissionRef]) -> set[str]:
        ids = visibility.with_ids(order_workflow_id(ref.order_id) for ref in page)
        query = visibility.all_of(visibility.RUNNING, ids)
        listed = self._temporal.list_workflows(query, rpc_timeout=policy.RPC)
        submissions = {(ref.order_id, ref.submission) for ref in page}
        return {
            execution.id
            async for execution in listed
            if (order_id_in(execution.id), execution.run_id) in submissions
        }

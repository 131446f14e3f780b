"""Opening a submission in the order book, together with the first effect of whichever step comes first."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import activity
from temporalio.service import RPCError

from activities.attempts import time_left
from order_system.domain.book import Attempt, JournalEntry, OrderBook
from order_system.domain.errors import Fenced, ServerUnreachable
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import GivesWay, Opening
from order_system.domain.order import SubmissionRef
from order_system.domain.steps import Effect


async def open_and_claim(
    book: OrderBook,
    ref: SubmissionRef,
    effect: Effect,
    attempt: Attempt,
    opening: Opening,
    *,
    check_earlier: Callable[[frozenset[str]], Awaitable[None]] | None = None,
) -> JournalEntry | GivesWay:
    """As the book's, with the checks that an order needs which was submitted before. `check_earlier` is told
    of those submissions, and raises if the effect must not happen after them.

    Raises Fenced and ServerUnreachable, and as the book's."""
    claimed = await book.open_and_claim(ref, effect, attempt, opening)
    while isinstance(claimed, frozenset):
        await _check_newest(ref, within=timedelta(seconds=time_left(attempt)))
        if check_earlier is not None:
            await check_earlier(claimed)
        claimed = await book.open_and_claim(ref, effect, attempt, opening, earlier=claimed)
    return claimed


async def _check_newest(ref: SubmissionRef, *, within: timedelta) -> None:
    """Other submissions of the order have come and gone: an attempt of a terminated workflow must not open
    its own after a later one. No clock tells which is later, since a server's may be set back. The server
    itself does: an order has one workflow at a time, so what was closed before ours is seen is earlier.

    Raises Fenced, and ServerUnreachable."""
    handle = activity.client().get_workflow_handle(order_workflow_id(ref.order_id))
    try:
        order = await handle.describe(rpc_timeout=within)
    except RPCError as error:
        raise ServerUnreachable(f"the Temporal server does not say what runs: {error.message}") from error
    first_run = order.raw_description.workflow_execution_info.first_run_id or order.run_id
    if order.close_time is not None or first_run != ref.submission:
        raise Fenced(f"{ref.order_id} has been submitted again since this step began")

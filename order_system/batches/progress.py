"""How far a batch has come, by the order book, for when its workflow cannot be asked; its pace in words."""

from collections import Counter
from datetime import UTC, datetime

from order_system.book.batches import SqlBatchBook
from order_system.domain.batch import BatchCounts, BatchProgress, BatchRecord, BatchStatus
from order_system.domain.listing import LineStatus
from order_system.domain.policy import ATTENTION_AFTER
from order_system.domain.wording import in_time
from workflows.batch_orders import COUNTED_AS

FORGOTTEN = "Temporal has forgotten this run; this is what the book knows of its orders"
NO_WORKER = "no worker answers: one has to be started; this is what the book knows"

_COUNTED_AS = {LineStatus(status.value): name for status, name in COUNTED_AS.items()} | {
    LineStatus.CONFLICT: "conflicting",
    LineStatus.NOT_STARTED: "not_started",
}


async def progress_in_book(
    book: SqlBatchBook, record: BatchRecord, status: BatchStatus, reason: str
) -> BatchProgress:
    """Count the batch's orders by their status now, whichever start ran them. What the book does not keep
    stays 0: rows, and rejected, duplicate and left out ones."""
    # An order that is open in the book counts as running. Once Temporal has forgotten its batch, the order
    # needs attention: somebody has to submit it again.
    still_open = "needing_attention" if status is BatchStatus.FORGOTTEN else "running"
    stand: Counter[str] = Counter()
    for stands, number in (await book.batch_counts(record.batch, record.run)).items():
        stand[_COUNTED_AS.get(stands, still_open)] += number
    request = record.request
    return BatchProgress(
        name=request.name,
        workflow_id=record.batch,
        status=status,
        window=request.window,
        bytes_total=request.file.size,
        counts=BatchCounts(valid=stand.total(), **stand),
        started_at=record.started_at,
        orders_expected=stand.total(),
        reason=reason,
    )


def pace_words(progress: BatchProgress, *, elsewhere: str, now: datetime | None = None) -> str:
    """Return the pace in words, blank if nothing is known. The time left is not known once every order left
    is under way. If no order has ended for long, the words name `elsewhere` instead of an old pace."""
    moving = progress.status in (BatchStatus.RUNNING, BatchStatus.STOPPING) and progress.counts.running
    stands_since = (now or datetime.now(UTC)) - (progress.updated_at or datetime.now(UTC))
    if moving and stands_since > ATTENTION_AFTER:
        seconds = round(ATTENTION_AFTER.total_seconds())
        return f"no order has ended for {seconds} s: {elsewhere} tells what waits"
    pace = progress.orders_a_second or 0
    parts = [f"{pace:.1f} orders/s" if pace >= 0.1 else f"{60 * pace:.1f} orders/min"] if pace else []
    if progress.seconds_left and progress.orders_expected > progress.counts.ended + progress.counts.running:
        parts.append(f"{in_time(max(1, round(progress.seconds_left)) * 1000)} left")
    return ", ".join(parts)

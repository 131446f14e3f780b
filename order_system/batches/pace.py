"""How fast a batch gets on, in words."""

from datetime import UTC, datetime

from order_system.domain import policy
from order_system.domain.batch import BatchProgress, BatchStatus
from order_system.domain.durations import in_time


def pace_words(progress: BatchProgress, *, elsewhere: str, now: datetime | None = None) -> str:
    """Blank if nothing is known. Nobody can tell how much time is left once only orders that are under way
    are left; and where none has ended for long, `elsewhere` tells more than a pace that once was."""
    moving = progress.status in (BatchStatus.RUNNING, BatchStatus.STOPPING) and progress.counts.running
    stands_since = (now or datetime.now(UTC)) - (progress.updated_at or datetime.now(UTC))
    if moving and stands_since > policy.ATTENTION_AFTER:
        seconds = round(policy.ATTENTION_AFTER.total_seconds())
        return f"no order has ended for {seconds} s: {elsewhere} tells what waits"
    parts = [f"{progress.orders_a_second:.1f} orders/s"] if progress.orders_a_second else []
    if progress.seconds_left and progress.orders_expected > progress.counts.ended + progress.counts.running:
        parts.append(f"{in_time(max(1, round(progress.seconds_left)) * 1000)} left")
    return ", ".join(parts)

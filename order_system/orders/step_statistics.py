"""How long each step takes, and how often it is retried, fails and is undone, from the order book."""

import math
from collections.abc import Sequence
from datetime import datetime

from order_system.domain.listing import OrderListing, StepRun
from order_system.domain.order import Wire
from order_system.domain.steps import Step

SUBMISSIONS_LOOKED_AT = 5_000
"""The newest: enough for any distribution, and few enough for a page that renews itself."""


class StepStatistics(Wire):
    step: Step
    runs: int
    """Of the step, in the submissions that were looked at."""
    completed: int
    failed: int
    retried: int
    """Runs with an effect that took more than one attempt."""
    undone: int
    """Runs with an effect that was reversed, or handled by hand."""
    median_ms: int | None = None
    """Of completed runs, from the first claim to the last record; so are the others. None without any."""
    p90_ms: int | None = None
    p99_ms: int | None = None
    longest_ms: int | None = None


async def steps_since(listing: OrderListing, since: datetime) -> tuple[StepStatistics, ...]:
    """Of orders whose payment began since then, each step, also those that did not run. Only the newest
    SUBMISSIONS_LOOKED_AT are looked at."""
    runs = await listing.step_runs(since, most=SUBMISSIONS_LOOKED_AT)
    return tuple(_of_step(step, [run for run in runs if run.step is step]) for step in Step)


def _of_step(step: Step, runs: Sequence[StepRun]) -> StepStatistics:
    durations = sorted(run.duration_ms for run in runs if run.duration_ms is not None)
    return StepStatistics(
        step=step,
        runs=len(runs),
        completed=len(durations),
        failed=sum(run.failed for run in runs),
        retried=sum(run.attempts > 1 for run in runs),
        undone=sum(run.undone for run in runs),
        median_ms=quantile(durations, 0.5),
        p90_ms=quantile(durations, 0.9),
        p99_ms=quantile(durations, 0.99),
        longest_ms=durations[-1] if durations else None,
    )


def quantile(ascending: Sequence[int], part: float) -> int | None:
    """The smallest value that so large a part does not exceed."""
    return ascending[max(0, math.ceil(part * len(ascending)) - 1)] if ascending else None

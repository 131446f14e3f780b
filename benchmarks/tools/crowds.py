"""Many orders at once: as soon as one of those in flight has ended, the next one starts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from temporalio.client import WorkflowFailureError

from benchmarks.tools.figures import BenchmarkFailed

SECONDS_PER_ORDER = 10
"""An order that takes longer, on the average, means that something is stuck."""
PATIENCE_SECONDS = 30

RunOrder = Callable[[str], Awaitable[None]]
"""Starts the order of this ID and waits for its end."""


async def run_crowd(run: RunOrder, order_ids: Sequence[str], in_flight: int) -> None:
    """Raises BenchmarkFailed if an order fails, or all together take too long."""
    places = asyncio.Semaphore(in_flight)

    async def one(order_id: str) -> None:
        async with places:
            await run(order_id)

    try:
        async with asyncio.timeout(len(order_ids) * SECONDS_PER_ORDER + PATIENCE_SECONDS):
            await asyncio.gather(*map(one, order_ids))
    except TimeoutError:
        raise BenchmarkFailed(f"{order_ids[0]} to {order_ids[-1]}: these orders do not end") from None
    except WorkflowFailureError as failure:
        raise BenchmarkFailed(f"{order_ids[0]} to {order_ids[-1]}: one failed: {failure.cause}") from failure

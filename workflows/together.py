"""Two steps side by side."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.failures import is_eviction

One = TypeVar("One")
Other = TypeVar("Other")
T = TypeVar("T")


async def together(one: Coroutine[Any, Any, One], other: Coroutine[Any, Any, Other]) -> tuple[One, Other]:
    """Await both to their ends, whatever happens. A cancel of the order reaches both. Raises what failed
    first; it is left to the two to stop each other."""
    failures: list[BaseException] = []

    async def noted(work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except (FailureError, asyncio.CancelledError) as failure:
            failures.append(failure)
            raise

    first, second = asyncio.create_task(noted(one)), asyncio.create_task(noted(other))
    both: list[asyncio.Task[Any]] = [first, second]
    while not all(task.done() for task in both):
        try:
            await workflow.wait(both)
        except asyncio.CancelledError as cancelled:
            if is_eviction(cancelled):
                raise
            for task in both:
                task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)  # both are heard of, though one is raised
    if failures:
        raise failures[0]
    return first.result(), second.result()

"""Heartbeats of what an activity does in a thread."""

import asyncio
import contextvars
import time
from collections.abc import Callable

from temporalio import activity

from order_system.domain import policy


def heartbeats_from_a_thread() -> Callable[[], None]:
    """For a thread that works for this activity: to be called whenever it has got on, however often.

    An asynchronous activity beats on its event loop alone. A thread that goes on after its activity was
    cancelled beats in vain, and harmlessly.
    """
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    last = float("-inf")

    def got_on() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= policy.HEARTBEAT_EVERY.total_seconds():
            last = now
            loop.call_soon_threadsafe(activity.heartbeat, context=context)

    return got_on

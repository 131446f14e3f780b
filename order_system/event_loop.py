"""Which event loop a worker runs on: uvloop if it is installed (the extra `fast`), or else asyncio's own.

A worker turns its loop some 700 times an order, so the loop itself is a good tenth of what an order costs it.
"""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec


def event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - an extra

    return uvloop.new_event_loop

"""Server-sent events of one order, until it is closed."""

import asyncio
import json
from collections.abc import AsyncGenerator

from order_system.domain.errors import ServerUnreachable
from order_system.domain.progress import OrderProgress
from order_system.web import policy
from order_system.web.documents.orders import shown_to
from order_system.web.guards.access import Caller
from order_system.web.services import Services

MEDIA_TYPE = "text/event-stream"


class TooManyListeners(ServerUnreachable):
    """More would only slow down those that are there."""


async def order_events(services: Services, order_id: str, caller: Caller) -> AsyncGenerator[str]:
    """`order` with the order document whenever it has changed, and at first; `closed` at the end. A comment
    when there has been nothing for a while. Raises, before its first piece, TooManyListeners and what
    `OrderClient.status` raises."""
    if services.listeners.locked():
        raise TooManyListeners("too many listen to events just now: read the order now and then instead")
    async with services.listeners:
        order = await services.orders.status(order_id)
        yield ": listening\n\n"
        async for event in _events(services, order, caller):
            yield event


async def _events(services: Services, order: OrderProgress, caller: Caller) -> AsyncGenerator[str]:
    loop = asyncio.get_running_loop()
    told, details = "", None
    quiet_since = loop.time()
    while not services.closing.is_set():
        details = await services.orders.in_full(order, details)
        content = shown_to(caller, services, details).model_dump_json()
        if content != told:
            told, quiet_since = content, loop.time()
            yield _event("order", content)
        if order.closed:
            yield _event("closed", json.dumps({"order_id": order.order_id, "status": order.status}))
            return
        if loop.time() - quiet_since >= policy.EVENTS_HEARTBEAT.total_seconds():
            quiet_since = loop.time()
            yield ": still here\n\n"
        order = await _next_look(services, order)


async def _next_look(services: Services, order: OrderProgress) -> OrderProgress:
    """After a pause, or at once when the process is told to stop. What cannot be read now may be later."""
    try:
        async with asyncio.timeout(policy.EVENTS_POLL.total_seconds()):
            await services.closing.wait()
    except TimeoutError:
        try:
            return await services.orders.status(order.order_id)
        except ServerUnreachable:
            return order
    return order


def _event(name: str, content: str) -> str:
    """JSON has no line breaks outside of its texts, where they are escaped."""
    return f"event: {name}\ndata: {content}\n\n"

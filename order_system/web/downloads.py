"""Answers that are sent while they are being written: downloads of files, and events."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from urllib.parse import quote

from starlette.responses import StreamingResponse
from temporalio.service import RPCError

from order_system.batches.outcome_files import OutcomeFile, rejects_from
from order_system.domain.errors import ServerUnreachable
from order_system.domain.ids import order_workflow_id
from order_system.infra.process import wait_for
from order_system.web import policy
from order_system.web.documents.orders import shown_to
from order_system.web.guards.access import Caller
from order_system.web.services import Services

WRITTEN_AT_ONCE = 64_000
"""The number of characters in one piece of a download."""
CSV, JSON_LINES, EVENTS = "text/csv", "application/x-ndjson", "text/event-stream"


def attached(pieces: AsyncIterable[str], file_name: str, media_type: str) -> StreamingResponse:
    disposition = f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
    return StreamingResponse(pieces, media_type=media_type, headers={"Content-Disposition": disposition})


async def begun(pieces: AsyncGenerator[str]) -> AsyncIterable[str]:
    """Return the same pieces after making the first one. So an error at the start is raised here, while the
    answer can still be a problem."""
    first = await anext(pieces)

    async def all_of_them() -> AsyncGenerator[str]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return all_of_them()


async def outcome_csv(services: Services, name: str, *, rejects: bool) -> AsyncGenerator[str]:
    """Yield a row for each order of the file and each rejected line. With `rejects`, yield only the invalid
    lines as they were, each with its reason, to be mended and run. Raises UnknownBatch, FileChanged,
    FileRefused and InvalidUsage before the first piece."""
    text = io.StringIO(newline="")
    async with aclosing(services.batches.outcome(name)) as lines:
        with ExitStack() as stack:
            if rejects:
                ref = (await services.batches.record(name)).request.file
                opened = rejects_from(ref, services.settings.readable_roots, text)
                table = await asyncio.to_thread(stack.enter_context, opened)
            else:
                table = OutcomeFile(text)
            async for line in lines:
                if not rejects:
                    table.add(line)
                elif line.status == "rejected":  # in a thread, as this reads the file
                    await asyncio.to_thread(table.add, line)
                if text.tell() >= WRITTEN_AT_ONCE:
                    yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> str:
    piece = text.getvalue()
    text.seek(0)
    text.truncate()
    return piece


class TooManyListeners(ServerUnreachable):
    """There are too many listeners: one more would slow down the others."""


async def order_events(
    services: Services, order_id: str, caller: Caller, may_listen: Callable[[], bool]
) -> AsyncGenerator[str]:
    """Yield the event `order` with the order document, at first and whenever it has changed; `closed` at the
    end; and a comment after a while without events. Ends once the caller may not listen any more. Raises
    TooManyListeners, and what `OrderClient.status` raises, before the first piece."""
    if services.listeners.locked():
        raise TooManyListeners("too many listen to events just now: read the order now and then instead")
    async with services.listeners:
        order, told, details = await services.orders.status(order_id), "", None
        yield ": listening\n\n"
        async with _noticing(services, order_id) as grown:
            while not services.closing.is_set():
                details = await services.orders.in_full(order, details)
                content = shown_to(caller, services, details).model_dump_json()
                if not may_listen():  # the key has expired, or the person has signed out
                    return
                yield _event("order", content) if content != told else ": still here\n\n"
                told = content
                if order.closed:
                    yield _event("closed", json.dumps({"order_id": order_id, "status": order.status}))
                    return
                await wait_for(services.closing, policy.EVENTS_POLL)
                await wait_for(grown, policy.EVENTS_HEARTBEAT)
                grown.clear()
                with suppress(ServerUnreachable):  # what cannot be read now may be later
                    order = await services.orders.status(order_id)


@asynccontextmanager
async def _noticing(services: Services, order_id: str) -> AsyncGenerator[asyncio.Event]:
    """Yield an event that is set whenever the order's history grows, which a long poll to the server tells,
    and when the process is told to stop."""
    grown = asyncio.Event()

    async def follow() -> None:
        while True:
            order = services.temporal.get_workflow_handle(order_workflow_id(order_id))
            with suppress(RPCError, RuntimeError):  # the server is away, or has forgotten the order
                async for _ in order.fetch_history_events(wait_new_event=True):
                    grown.set()
            await asyncio.sleep(policy.EVENTS_HEARTBEAT.total_seconds())

    async def stop() -> None:
        await services.closing.wait()
        grown.set()

    tasks = [asyncio.create_task(each()) for each in (follow, stop)]
    try:
        yield grown
    finally:
        for task in tasks:
            task.cancel()


def _event(name: str, content: str) -> str:
    """Write an event. The JSON in `content` has no line breaks: those in its texts are escaped."""
    return f"event: {name}\ndata: {content}\n\n"

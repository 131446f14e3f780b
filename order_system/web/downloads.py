"""Answers that are sent while they are being written: downloads of files, and events."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import ExitStack, aclosing
from urllib.parse import quote

from starlette.responses import StreamingResponse

from order_system.batches.outcome_files import OutcomeFile, rejects_from
from order_system.web.services import Services

WRITTEN_AT_ONCE = 64_000
"""The number of characters in one piece of a download."""
CSV, JSON_LINES = "text/csv", "application/x-ndjson"


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

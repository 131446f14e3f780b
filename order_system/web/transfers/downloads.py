"""What became of a batch's file, as files to be downloaded, written while they are read."""

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

from order_system.batches.outcome_files import OutcomeFile, rejects_from
from order_system.web.services import Services

WRITTEN_AT_ONCE = 64_000
"""Characters in one piece of a download."""
REJECTED = "rejected"


async def outcome_csv(services: Services, name: str) -> AsyncGenerator[str]:
    """A row for each order of the file, and for each rejected line. Raises, before the first piece,
    UnknownBatch, FileChanged, FileRefused and InvalidUsage."""
    text = io.StringIO(newline="")
    table = OutcomeFile(text)
    async with aclosing(services.batches.outcome(name)) as lines:
        async for line in lines:
            table.add(line)
            if text.tell() >= WRITTEN_AT_ONCE:
                yield _taken(text)
    yield _taken(text)


async def rejects_csv(services: Services, name: str) -> AsyncGenerator[str]:
    """The invalid lines as they were, each with its reason: to be mended and run. Raises as `outcome_csv`."""
    ref = (await services.batches.record(name)).request.file
    text = io.StringIO(newline="")
    async with aclosing(services.batches.outcome(name)) as lines:
        with ExitStack() as stack:
            opened = rejects_from(ref, services.settings.readable_roots, text)
            rejects = await asyncio.to_thread(stack.enter_context, opened)
            async for line in lines:
                if line.status == REJECTED:
                    await asyncio.to_thread(rejects.add, line)
                if text.tell() >= WRITTEN_AT_ONCE:
                    yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> str:
    piece = text.getvalue()
    text.seek(0)
    text.truncate()
    return piece

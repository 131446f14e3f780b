"""How commands inspect a file, and start and follow a batch."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from order_system.batches.files import ENCODINGS, OrderFiles, load_profile, parse_mapping
from order_system.cli.batches.views import progress_picture, progress_table, progress_words
from order_system.cli.options import ATTENTION, CLEAN, INVALID
from order_system.cli.screen import Screen
from order_system.cli.session import Session
from order_system.domain.batch import BatchProgress, BatchStatus
from order_system.domain.errors import ServerUnreachable
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order_file import FileFormat, FileRef
from order_system.infra import policy
from order_system.infra.process import STARTER
from order_system.infra.settings import Settings
from order_system.infra.temporal.connection import outlasting, reaching_server


@Parameter(name="*")
@dataclass(frozen=True)
class FileReading:
    file_format: Annotated[
        FileFormat | None,
        Parameter(name="--format", help="By default .jsonl and .ndjson are jsonl, all else csv."),
    ] = None
    mapping: Annotated[
        str | None,
        Parameter(name="--map", help="Columns and constants: order_id=orderID,sku=productID,currency==USD"),
    ] = None
    profile: Annotated[
        str | None, Parameter(help="What the columns mean: shopify or another shop's name, or your FILE.toml")
    ] = None
    encoding: Annotated[
        str | None,
        Parameter(help=f"By default utf-8. One of {', '.join(ENCODINGS)}."),
    ] = None


AS_ITS_NAME_SAYS = FileReading()


async def inspected(file: str, reading: FileReading, settings: Settings, screen: Screen) -> FileRef:
    """Inspect the file. Raises FileRefused, InvalidUsage."""
    mapping = None if reading.mapping is None else parse_mapping(reading.mapping)
    profile = None if reading.profile is None else load_profile(reading.profile)
    with screen.waiting(f"checking {file}"):
        return await OrderFiles(settings.file_roots).inspect(
            file, file_format=reading.file_format, mapping=mapping, profile=profile, encoding=reading.encoding
        )


async def started(session: Session, name: str, *, new: bool, wait: bool) -> int:
    """Say where the batch is; with `wait`, follow it to its end. Returns the exit code."""
    workflow_id, screen = batch_workflow_id(name), session.screen
    link = await outlasting(partial(_link, session, workflow_id))
    if not new:
        screen.say(f"batch {name} is running already, with the same file; it is not started again")
    if not wait:
        document = {"name": name, "workflow_id": workflow_id, "started": new, "link": link}
        people = f"{workflow_id} {'started' if new else 'is running'}"
        screen.answer(document, *[people, *([link] if link else [])])
        return CLEAN
    screen.say(f"{workflow_id}  {link or ''}".rstrip())
    progress = await followed(session, name)
    screen.answer(progress.model_dump(mode="json"), progress_table(progress))
    return ended_with(screen, progress)


def ended_with(screen: Screen, progress: BatchProgress) -> int:
    """Return the exit code, and say why a batch could not be run."""
    if progress.status is BatchStatus.FAILED:
        screen.say(f"batch {progress.name} failed: {progress.reason}")
        return INVALID
    if progress.reason:
        screen.say(progress.reason)
    return ATTENTION if progress.counts.needing_attention else CLEAN


async def _link(session: Session, workflow_id: str) -> str | None:
    async with reaching_server():
        batch = session.temporal.get_workflow_handle(workflow_id)
        return session.page(workflow_id, (await batch.describe(rpc_timeout=policy.RPC)).run_id)


async def followed(session: Session, name: str) -> BatchProgress:
    progress = None
    try:
        async with session.watching() as show:
            async for progress in session.batches.watch(name):
                show(progress_picture(progress), progress_words(progress))
    except asyncio.CancelledError:
        when = "when --embedded is used again" if session.embedded else "without us"
        session.screen.say(f"the batch goes on {when}: {STARTER} batch status {name}")
        raise
    except ServerUnreachable as lost:
        raise ServerUnreachable(
            f"{lost}. The batch goes on when it is back: {STARTER} batch status {name}"
        ) from None
    if progress is None:
        raise RuntimeError("a watched batch has some progress")
    return progress

"""`batch outcome`: what became of each line of a batch's file, counted and written down."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from order_system.batches.outcome_files import OutcomeFile, outcome_document, rejects_from
from order_system.bootstrap import OrderSystem
from order_system.cli.screen import Screen
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import FileRef

REJECTED = "rejected"


async def write_outcome(
    system: OrderSystem, screen: Screen, name: str, *, output: str | None, rejects: str | None
) -> dict[str, Any]:
    """The outcome as a document; with the lines, unless they are written to `output`.

    Raises UnknownBatch, FileRefused, InvalidUsage."""
    batches = system.batch_reports()
    ref = (await batches.record(name)).request.file
    if output and output == rejects:
        raise InvalidUsage("-o and --rejects are two files: name two")
    by_status: dict[str, int] = {}
    lines: list[dict[str, Any]] = []
    with ExitStack() as stack:
        table = OutcomeFile(stack.enter_context(_replacing(output, ref))) if output else None
        mending = None
        if rejects:
            file = stack.enter_context(_replacing(rejects, ref))
            mending = stack.enter_context(rejects_from(ref, system.settings.readable_roots, file))
        stack.enter_context(screen.waiting(f"reading {ref.url}"))
        async for line in batches.outcome(name):
            by_status[line.status] = by_status.get(line.status, 0) + 1
            if table:
                table.add(line)
            elif screen.as_json:
                lines.append(outcome_document(line))
            if mending and line.status == REJECTED:
                mending.add(line)
    return {
        "name": name,
        "file": ref.url,
        "by_status": by_status,
        "output": output,
        "rejects": rejects,
        **({} if output else {"lines": lines}),
    }


@contextmanager
def _replacing(name: str, source: FileRef) -> Generator[IO[str]]:
    """A file that is there only when all of it is written. Raises InvalidUsage."""
    path = Path(name)
    if str(path.resolve()) == source.url:
        raise InvalidUsage(f"{name} is the batch's own file: name another one")
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            yield file
        unfinished.replace(path)
    except OSError as failure:
        raise InvalidUsage(f"{name} cannot be written: {failure.strerror}") from None
    finally:
        if unfinished.is_file():
            unfinished.unlink()

"""`batch outcome`: what became of each line of a batch's file, counted and written down."""

import csv
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from order_system.batch_files import FileRef
from order_system.batch_reports import LineOutcome
from order_system.bootstrap import OrderSystem
from order_system.cli.batch_rejects import rejects_from
from order_system.cli.screen import Screen
from order_system.csv_orders import defuse
from order_system.errors import InvalidUsage, UnknownBatch
from order_system.ids import batch_workflow_id

REJECTED = "rejected"
OUTCOME_COLUMNS = (
    "first_line",
    "last_line",
    "rows",
    "order_id",
    "workflow_id",
    "status",
    "failed_step",
    "reason",
    "closed_at",
)


async def write_outcome(
    system: OrderSystem, screen: Screen, name: str, *, output: str | None, rejects: str | None
) -> dict[str, Any]:
    """The outcome as a document; with the lines, unless they are written to `output`.

    Raises UnknownBatch, FileRefused, InvalidUsage."""
    record = await system.batch_book.newest_batch(batch_workflow_id(name))
    if record is None:
        raise UnknownBatch(f"the book knows of no batch {name}")
    if output and output == rejects:
        raise InvalidUsage("-o and --rejects are two files: name two")
    ref = record.request.file
    by_status: dict[str, int] = {}
    lines: list[dict[str, Any]] = []
    with ExitStack() as stack:
        table = OutcomeFile(stack.enter_context(_replacing(output, ref))) if output else None
        mending = None
        if rejects:
            file = stack.enter_context(_replacing(rejects, ref))
            mending = stack.enter_context(rejects_from(ref, system.settings.readable_roots, file))
        stack.enter_context(screen.waiting(f"reading {ref.url}"))
        async for line in system.batch_client(None).outcome(name):
            by_status[line.status] = by_status.get(line.status, 0) + 1
            if table:
                table.add(line)
            elif screen.as_json:
                lines.append(_document(line))
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


def _document(line: LineOutcome) -> dict[str, Any]:
    closed = line.closed_at.isoformat(timespec="milliseconds") if line.closed_at else None
    return {**{name: getattr(line, name) for name in OUTCOME_COLUMNS}, "closed_at": closed}


class OutcomeFile:
    """One row for an order, or for rows that are none; no cell is run by a spreadsheet."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(OUTCOME_COLUMNS)

    def add(self, line: LineOutcome) -> None:
        values = _document(line).values()
        self._rows.writerow(["" if value is None else defuse(str(value)) for value in values])

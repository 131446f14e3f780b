"""`batch outcome`: what became of each line of a batch's file, counted and written down."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import RenderableType, group
from rich.text import Text

from order_system.batches.outcome_files import OutcomeFile, outcome_document, rejects_from
from order_system.bootstrap import OrderSystem
from order_system.cli.batches.views import numbers_table, status_text
from order_system.cli.screen import Screen, written_whole
from order_system.domain.errors import InvalidUsage
from order_system.infra.process import STARTER


async def write_outcome(
    system: OrderSystem, screen: Screen, name: str, *, output: str | None, rejects: str | None
) -> dict[str, Any]:
    """Return the outcome as a document, with the lines unless they are written to `output`.

    Raises UnknownBatch, FileRefused, InvalidUsage."""
    batches = system.batch_reports()
    ref = (await batches.record(name)).request.file
    _check_names(ref.url, output, rejects)
    by_status = Counter[str]()
    lines: list[dict[str, Any]] = []
    with ExitStack() as stack:
        table = OutcomeFile(stack.enter_context(written_whole(output))) if output else None
        mending = None
        if rejects:
            file = stack.enter_context(written_whole(rejects))
            mending = stack.enter_context(rejects_from(ref, system.settings.readable_roots, file))
        stack.enter_context(screen.waiting(f"reading {ref.url}"))
        async for line in batches.outcome(name):
            by_status[line.status] += 1
            if table:
                table.add(line)
            elif screen.as_json:
                lines.append(outcome_document(line))
            if mending and line.status == "rejected":
                mending.add(line)
    return {
        "name": name,
        "file": ref.url,
        "by_status": by_status,
        "output": output,
        "rejects": rejects,
        **({} if output else {"lines": lines}),
    }


def _check_names(source: str, output: str | None, rejects: str | None) -> None:
    """Raise InvalidUsage unless source, `output` and `rejects` are different files."""
    if output and output == rejects:
        raise InvalidUsage("-o and --rejects are two files: name two")
    for name in filter(None, (output, rejects)):
        if str(Path(name).resolve()) == source:
            raise InvalidUsage(f"{name} is the batch's own file: name another one")


@group()
def outcome_view(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    table = numbers_table(f"batch {document['name']}")
    for status, number in sorted(document["by_status"].items()):
        table.add_row(status_text(status), f"{number:,}")
    yield table
    if document["output"]:
        yield Text(f"every line: {document['output']}")
    if "open" in document["by_status"]:
        yield Text(f"what an open order waits for: {STARTER} status ORDER")
    if document["rejects"]:
        yield Text(f"what was rejected: {document['rejects']}. Mend it, and run it as a batch of its own")

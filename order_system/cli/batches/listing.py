"""`starter.py batches`: the batches, and the progress of each."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table
from rich.text import Text

from order_system.bootstrap import open_order_system
from order_system.cli.batches.views import status_text
from order_system.cli.options import CLEAN, Before, Since, moment
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, server_if_any
from order_system.domain.batch import BatchProgress
from order_system.domain.listing import PAGE_ROWS, BatchFilter, BatchSummary
from order_system.orders.exports import every_row


async def batches(
    query: Annotated[str | None, Parameter(help="A part of the name.")] = None,
    /,
    *,
    since: Since = None,
    before: Before = None,
    limit: Annotated[
        int, Parameter(validator=Number(gte=1), help="Rows of the table; --json has all.")
    ] = PAGE_ROWS,
    screen: Screen = PEOPLE,
) -> int:
    wanted = BatchFilter(query, moment(since), moment(before))
    settings = configured()
    async with open_order_system(settings) as system:
        book = system.book
        rows = every_row(lambda cursor: book.batches(wanted, cursor=cursor))
        shown, total = await screen.answer_each(rows, limit)
        if not screen.as_json:
            client = system.batch_client(await server_if_any(settings))
            progress = await asyncio.gather(*(client.progress_soon(batch.name) for batch in shown))
            screen.show(_table(shown, progress) if total else Text("no batch fits"))
    return CLEAN


def _table(shown: Sequence[BatchSummary], progress: Sequence[BatchProgress | None]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("Batch", overflow="fold")
    for column in ("Status", "Done", "Failed"):
        table.add_column(column, no_wrap=True, justify="left" if column == "Status" else "right")
    table.add_column("Started, UTC", no_wrap=True)
    for batch, known in zip(shown, progress, strict=True):
        counts = known and known.counts
        table.add_row(
            batch.name,
            status_text(known.status if known else "not known"),
            f"{counts.ended:,} of {known.orders_expected:,}" if counts and known else "",
            f"{counts.failed:,}" if counts and counts.failed else "",
            f"{batch.started_at:%Y-%m-%d %H:%M}",
        )
    return table

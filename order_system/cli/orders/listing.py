"""`starter.py orders`: the orders that match a query, as a table, as JSON, or as a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import RenderableType, group
from rich.text import Text

from order_system.bootstrap import open_order_system
from order_system.cli.options import CLEAN, Before, Since, moment
from order_system.cli.screen import PEOPLE, Screen, now, written_whole
from order_system.cli.session import configured, server_if_any
from order_system.cli.views import STYLES, cause
from order_system.domain.errors import InvalidUsage
from order_system.domain.listing import PAGE_ROWS, PAGE_ROWS_LIMIT, OrderFilter, OrderSummary, Sort
from order_system.domain.messages import OrderStatus
from order_system.domain.money import format_decimal
from order_system.domain.steps import Step
from order_system.infra.temporal.connection import no_answer
from order_system.orders.exports import ExportFormat, every_row, exported
from order_system.orders.lists import OrderLists


async def orders(
    query: Annotated[str | None, Parameter(help="What one knows of an order; see below.")] = None,
    /,
    *,
    status: Annotated[OrderStatus | None, Parameter(help="Only orders of this status.")] = None,
    step: Annotated[Step | None, Parameter(help="Only orders that failed at this step.")] = None,
    reason: Annotated[str | None, Parameter(help="A part of why they failed.")] = None,
    batch: Annotated[str | None, Parameter(help="Only orders that this batch started.")] = None,
    currency: Annotated[str | None, Parameter(help="For example USD.")] = None,
    since: Since = None,
    before: Before = None,
    sort: Annotated[Sort, Parameter(help="By default the newest first.")] = Sort.NEWEST,
    limit: Annotated[
        int,
        Parameter(validator=Number(gte=1, lte=PAGE_ROWS_LIMIT), help="Rows shown; --json and -o have all."),
    ] = PAGE_ROWS,
    output: Annotated[
        str | None, Parameter(name=("-o", "--output"), help="Write all that fit to this .csv or .jsonl file.")
    ] = None,
    screen: Screen = PEOPLE,
) -> int:
    wanted = OrderFilter(
        text=query,
        step=step,
        reason=reason,
        batch=batch,
        currency=currency and currency.upper(),
        opened_since=moment(since),
        opened_before=moment(before),
        sort=sort,
    )
    settings = configured()
    async with open_order_system(settings) as system:
        lists = OrderLists(system.book, await server_if_any(settings), system.task_queue)
        if output is not None:
            await _write(Path(output), lists, wanted, status)
            screen.answer({"output": output}, f"every order that fits: {output}")
        elif screen.as_json:
            rows = every_row(lambda cursor: lists.orders(wanted, status, cursor=cursor))
            await screen.answer_each(rows, 0)
        else:
            page = await lists.orders(wanted, status, limit=limit)
            more = page.next is not None or len(page.rows) > limit
            screen.show(_view(page.rows[:limit], more=more))
            if OrderStatus.NEEDS_ATTENTION not in await lists.counts():
                unknown = "Which of the open orders wait for a person is not known."
                screen.say(f"{no_answer(lists.temporal)} This is what the book knows. {unknown}")
    return CLEAN


async def _write(path: Path, lists: OrderLists, wanted: OrderFilter, status: OrderStatus | None) -> None:
    """Write all orders that match to a file. Raises InvalidUsage."""
    if path.suffix[1:] not in list(ExportFormat):
        raise InvalidUsage(f"{path}: its name must end in .csv or .jsonl, which says how it is written")
    with written_whole(path) as file:
        async for piece in exported(lists, wanted, status, ExportFormat(path.suffix[1:])):
            file.write(piece)


@group()
def _view(rows: Sequence[OrderSummary], *, more: bool) -> Iterator[RenderableType]:
    """Show a line for each order. Why it failed is on a second line, so that the first fits any terminal."""
    if not rows:
        yield Text("no order fits")
    told = [
        (row.order_id, row.status.replace("_", " "), format_decimal(row.total, row.currency)) for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*told, strict=True)]
    for row, (order_id, status, total) in zip(rows, told, strict=True):
        line = Text(f"{order_id:<{widths[0]}}  ")
        line.append(f"{status:<{widths[1]}}", style=STYLES[row.status])
        at = row.opened_at  # in another year only the day
        when = f"{at:%m-%d %H:%M} UTC" if at.year == now().year else f"{at:%Y-%m-%d}"
        line.append(f"  {total:>{widths[2]}}  ").append(when, style="dim")
        yield line
        if why := cause(row):
            yield Text(f"  {why}", style="dim")
    if more:
        yield Text("... and more: --limit shows up to 200, --json and -o have all")

"""Exports a list of orders as a file: all orders that fit the filters, written while they are read."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from enum import StrEnum

from pydantic_core import to_json

from order_system.domain.listing import PAGE_ROWS_LIMIT, OrderFilter, OrderSummary, Page, Row
from order_system.domain.messages import OrderStatus
from order_system.intake.formulas import cells_of, csv_line
from order_system.orders.lists import OrderLists

COLUMNS = (*OrderSummary.model_fields, "refunds")


class ExportFormat(StrEnum):
    CSV = "csv"
    """No spreadsheet runs any of its cells as a formula."""
    JSONL = "jsonl"


async def every_page(read: Callable[[str | None], Awaitable[Page[Row]]]) -> AsyncGenerator[tuple[Row, ...]]:
    """Yield the rows of each page of a list that is read by a cursor."""
    cursor = None
    while True:
        page = await read(cursor)
        yield page.rows
        if (cursor := page.next) is None:
            return


async def every_row(read: Callable[[str | None], Awaitable[Page[Row]]]) -> AsyncGenerator[Row]:
    async for rows in every_page(read):
        for row in rows:
            yield row


async def exported(
    lists: OrderLists, wanted: OrderFilter, status: OrderStatus | None, form: ExportFormat
) -> AsyncGenerator[str]:
    """Yield the file in pieces, one for each page."""
    heading = csv_line(COLUMNS)
    async for rows in every_page(
        lambda cursor: lists.orders(wanted, status, cursor=cursor, limit=PAGE_ROWS_LIMIT)
    ):
        refunds = await lists.book.refunds([row.order_id for row in rows])
        told = ("; ".join(map(str, refunds.get(row.order_id, []))) or None for row in rows)
        full = [row.model_dump(mode="json") | {"refunds": each} for row, each in zip(rows, told, strict=True)]
        if form is ExportFormat.JSONL:
            yield "".join(f"{to_json(row).decode()}\n" for row in full)
        else:
            yield "".join([heading, *(csv_line(cells_of(row.values())) for row in full)])
            heading = ""

"""Parameters that several routes have."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime

from order_system.batches.names import BATCH_NAME
from order_system.domain.ids import ORDER_ID
from order_system.domain.listing import PAGE_ROWS_LIMIT
from order_system.web.openapi import examples


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # within a day of the calendar's end
        raise ValueError("is beyond all time") from None


PATTERN = f"^{BATCH_NAME.pattern}$"
"""Of a batch's name."""

OrderId = Annotated[
    str, Path(pattern=f"^{ORDER_ID.pattern}$", description="The order's ID.", examples=[examples.ORDER_ID])
]
BatchName = Annotated[str, Path(pattern=PATTERN, description="The batch's name.", examples=[examples.BATCH])]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_ROWS_LIMIT, description="Rows of a page, at most.")]
Moment = Annotated[
    Annotated[AwareDatetime, AfterValidator(_in_utc)] | None,
    Query(description="A time with its zone.", examples=["2026-11-25T08:00:00Z"]),
]

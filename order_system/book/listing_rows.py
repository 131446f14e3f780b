"""Rows of the order book as lists show them."""

from pathlib import PurePosixPath

from sqlalchemy import RowMapping

from order_system.book.reading import known
from order_system.domain import listing
from order_system.domain.batch import BatchRequest, Fate
from order_system.domain.book import Notice, SubmissionStatus
from order_system.domain.ids import batch_name
from order_system.domain.messages import OrderStatus
from order_system.domain.money import decimal_text

NAMED = {"note": "notice"}
"""Columns that are called otherwise than what they are shown as."""


def order_summary(row: RowMapping) -> listing.OrderSummary:
    total, batch = row["total"], row["batch"]
    shown = {
        "status": _order_status(row["status"]),
        "batch": batch_name(batch) if batch else None,
        "total": None if total is None else decimal_text(total, row["currency"]),
        "note": _note(row["note"]),
    }
    return listing.OrderSummary.model_validate({**row, **shown})


def _note(notice: str | None) -> str | None:
    return "the notice was not sent" if notice == Notice.NOT_SENT else None


def _order_status(status: str) -> OrderStatus:
    stands = known(SubmissionStatus, status)
    return OrderStatus.RUNNING if stands is SubmissionStatus.OPEN else OrderStatus(stands)


def batch_summary(row: RowMapping) -> listing.BatchSummary:
    request = BatchRequest.model_validate(row["request"])
    return listing.BatchSummary(
        name=request.name,
        workflow_id=row["batch"],
        started_at=row["started_at"],
        file=PurePosixPath(request.file.url).name,
        bytes_total=request.file.size,
        window=request.window,
        only_failed=request.only_failed,
    )


def batch_order(row: RowMapping) -> listing.BatchOrder:
    """In conflict, the order under its ID is another one, of which nothing is told."""
    of_file = {name: row[name] for name in ("order_id", "first_line", "last_line", "fate")}
    if row["fate"] == Fate.CONFLICT:
        of_file |= {"status": "conflict", "reason": "the ID is in use for an order with other content"}
    elif row["status"] is None:
        of_file["status"] = "not_started"
    else:
        of_file = {**row, "status": _order_status(row["status"]).value, "note": _note(row["note"])}
    return listing.BatchOrder.model_validate(of_file)

"""Rows of the order book as lists show them."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Row

from order_system.domain import listing
from order_system.domain.batch import BatchRequest, Fate
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.ids import batch_name
from order_system.domain.messages import OrderStatus
from order_system.domain.money import decimal_text
from order_system.domain.steps import STEPS, Step


def order_summary(row: Row[Any]) -> listing.OrderSummary:
    return listing.OrderSummary(
        order_id=row.order_id,
        submission=row.submission,
        status=_order_status(row.status),
        failed_step=row.failed_step,
        reason=row.reason,
        batch=batch_name(row.batch) if row.batch else None,
        total=None if row.total is None else decimal_text(row.total, row.currency),
        currency=row.currency,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )


def _order_status(status: str) -> OrderStatus:
    return OrderStatus.RUNNING if status == SubmissionStatus.OPEN else OrderStatus(status)


def batch_summary(row: Row[Any]) -> listing.BatchSummary:
    request = BatchRequest.model_validate(row.request)
    return listing.BatchSummary(
        name=request.name,
        workflow_id=row.batch,
        started_at=row.started_at,
        file=PurePosixPath(request.file.url).name,
        bytes_total=request.file.size,
        window=request.window,
        only_failed=request.only_failed,
    )


def batch_order(row: Row[Any]) -> listing.BatchOrder:
    conflict = row.fate == Fate.CONFLICT
    if conflict:
        status = listing.LineStatus.CONFLICT
    elif row.status is None:
        status = listing.LineStatus.NOT_STARTED
    else:
        status = listing.LineStatus(_order_status(row.status).value)
    told = row.status is not None and not conflict
    return listing.BatchOrder(
        order_id=row.order_id,
        first_line=row.first_line,
        last_line=row.last_line,
        status=status,
        fate=row.fate,
        failed_step=row.failed_step if told else None,
        reason="the ID is in use for an order with other content" if conflict else row.reason,
        opened_at=row.opened_at if told else None,
        closed_at=row.closed_at if told else None,
    )


def step_run(step: Step, entries: Sequence[Row[Any]]) -> listing.StepRun:
    done = [entry.done_at for entry in entries if entry.done_at is not None]
    claimed = [entry.claimed_at for entry in entries if entry.claimed_at is not None]
    completed = len(done) == len(STEPS[step].effects)
    took = max(done) - min(claimed) if completed and claimed else None
    undone = any(entry.state in (EffectState.UNDONE, EffectState.HANDLED) for entry in entries)
    ended = any(entry.ended_as != SubmissionStatus.OPEN or entry.fenced_at for entry in entries)
    return listing.StepRun(
        step=step,
        duration_ms=round(took.total_seconds() * 1000) if took is not None else None,
        attempts=max((entry.attempts for entry in entries), default=0),
        undone=undone,
        failed=bool(claimed) and not completed and ended,
    )

"""Times in documents have one form: UTC, to the millisecond, with a Z."""

from datetime import datetime, timedelta, timezone

from order_system.audit.report import HandledEffect, OpenSubmission
from order_system.batches.outcome_files import outcome_document
from order_system.batches.reports import LineOutcome
from order_system.domain.batch import BatchCounts, BatchProgress, BatchStatus
from order_system.domain.refunds import RefundDocument, RefundState
from order_system.domain.steps import Effect

AT = datetime(2026, 1, 1, 13, 0, 0, 123456, timezone(timedelta(hours=1)))
TOLD = "2026-01-01T12:00:00.123Z"


def test_times_of_batches_refunds_and_the_audit_are_told_as_those_of_orders() -> None:
    of_effect = {"order_id": "A-1", "submission": "s", "effect": Effect.CHARGE, "in_world": None}
    documents = [
        BatchProgress(
            name="b",
            workflow_id="batch-b",
            status=BatchStatus.RUNNING,
            window=1,
            bytes_total=1,
            counts=BatchCounts(),
            started_at=AT,
            updated_at=AT,
        ).model_dump(mode="json"),
        RefundDocument(
            refund_id="r",
            amount=100,
            currency="USD",
            state=RefundState.UNDER_WAY,
            who="ada",
            asked_at=AT,
            ended_at=AT,
        ).model_dump(mode="json"),
        OpenSubmission(order_id="A-1", submission="s", opened_at=AT).model_dump(mode="json"),
        HandledEffect.model_validate({**of_effect, "by": "ada", "at": AT, "note": None}).model_dump(
            mode="json"
        ),
        outcome_document(LineOutcome(2, 2, 1, "A-1", "order-A-1", "fulfilled", closed_at=AT)),
    ]
    times = [{value for name, value in each.items() if name.endswith("at")} for each in documents]
    assert times == [{TOLD}] * len(documents)

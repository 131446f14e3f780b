"""What the API answers about batches, and the pages draw."""

from dataclasses import asdict
from enum import StrEnum

from pydantic import BaseModel, Field

from order_system.batches.files import ProblemKind
from order_system.batches.reports import Plan
from order_system.domain.batch import ENDED, BatchProgress, BatchStatus
from order_system.domain.order_file import FileFormat
from order_system.web.services import Services


class BatchAction(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    """What failed, was cancelled or terminated, from the same file."""


class BatchDocument(BatchProgress):
    """How far a batch is: what `starter.py batch status --json` prints."""

    link: str | None = Field(description="Into Temporal's Web UI.")
    actions: tuple[BatchAction, ...] = Field(description="What may be done about it now.")


class BatchStarted(BaseModel):
    name: str
    workflow_id: str
    started: bool = Field(description="False if it was running already, with the same file.")
    location: str


class PlannedProblem(BaseModel):
    first_line: int
    last_line: int
    rows: int
    column: str | None
    order_id: str | None
    reason: str
    kind: ProblemKind


class PlanDocument(BaseModel):
    """What a run of the file would do."""

    name: str
    format: FileFormat
    size: int = Field(description="Of the file, in bytes.")
    sha256: str
    rows: int
    orders: int
    by_status: dict[str, int] = Field(
        description="Orders that are `new`, in `conflict`, or known as something."
    )
    conflicts: tuple[str, ...] = Field(description="IDs of the first that are in use for other content.")
    invalid: int
    duplicates: int
    problems: tuple[PlannedProblem, ...] = Field(description="The first ones, with line, column and reason.")


async def read_batch(services: Services, name: str) -> BatchDocument:
    """Raises UnknownBatch, NoWorkerAnswers."""
    progress = await services.batches.progress(name)
    return BatchDocument(
        **{name: getattr(progress, name) for name in BatchProgress.model_fields},
        link=services.links.runs(progress.workflow_id),
        actions=actions_of(progress),
    )


def actions_of(batch: BatchProgress) -> tuple[BatchAction, ...]:
    if batch.status in ENDED:
        return (BatchAction.RETRY,)
    if batch.status is BatchStatus.STOPPING:
        return ()
    paused = batch.status is BatchStatus.PAUSED
    return (BatchAction.RESUME if paused else BatchAction.PAUSE, BatchAction.CANCEL)


def plan_document(name: str, plan: Plan) -> PlanDocument:
    return PlanDocument(
        name=name,
        format=plan.file.format,
        size=plan.file.size,
        sha256=plan.file.sha256,
        rows=plan.rows,
        orders=plan.orders,
        by_status={str(status): number for status, number in plan.fates.items()},
        conflicts=tuple(plan.conflicts),
        invalid=plan.problems,
        duplicates=plan.duplicates,
        problems=tuple(PlannedProblem(**asdict(problem)) for problem in plan.examples),
    )

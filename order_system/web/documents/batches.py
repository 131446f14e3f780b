"""The documents of batches that the API returns and the pages draw."""

from enum import StrEnum

from pydantic import BaseModel, Field

from order_system.batches.reports import Plan, Sum
from order_system.domain.batch import ENDED, BatchProgress, BatchStatus
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order_file import FileFormat, RowProblem
from order_system.web.services import Services


class BatchAction(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    """Run again what failed, was cancelled or terminated, or never began, from the same file."""


class BatchDocument(BatchProgress):
    """The progress of a batch, as `starter.py batch status --json` prints it."""

    link: str | None = Field(description="Leads into Temporal's Web UI.")
    actions: tuple[BatchAction, ...] = Field(description="What may be done about it now.")


class BatchStarted(BaseModel):
    name: str
    workflow_id: str
    started: bool = Field(description="False if it was running already, with the same file.")
    location: str


class PlanDocument(BaseModel):
    """What a run of the file would do."""

    name: str
    format: FileFormat
    size: int = Field(description="The file's size in bytes.")
    sha256: str
    rows: int
    orders: int
    by_status: dict[str, int] = Field(
        description="How many orders are `new`, in `conflict`, or known with a status."
    )
    sums: tuple[Sum, ...] = Field(
        description="The totals of the new orders and of those that run again. `open` orders are left out."
    )
    conflicts: tuple[str, ...] = Field(description="The first IDs that are in use for other content.")
    invalid: int
    duplicates: int
    left_out: int = Field(
        description="Orders that their shop has fulfilled, refunded or cancelled. A run leaves them out."
    )
    problems: tuple[RowProblem, ...] = Field(description="The first ones, with line, column and reason.")
    warnings: tuple[str, ...] = Field(description="What may be meant otherwise.")
    left_out_orders: tuple[RowProblem, ...] = Field(
        description="The first that are left out, each with the reason."
    )


async def read_batch(services: Services, name: str) -> BatchDocument:
    """Read a batch's progress. Raises UnknownBatch, NoWorkerAnswers."""
    progress = await services.batches.progress(name)
    return BatchDocument(
        **dict(progress), link=services.links.runs(progress.workflow_id), actions=actions_of(progress)
    )


def actions_of(batch: BatchProgress) -> tuple[BatchAction, ...]:
    if batch.status in ENDED:
        return (BatchAction.RETRY,)
    if batch.status is BatchStatus.STOPPING:
        return ()
    paused = batch.status is BatchStatus.PAUSED
    return (BatchAction.RESUME if paused else BatchAction.PAUSE, BatchAction.CANCEL)


def batch_started(name: str, *, new: bool) -> BatchStarted:
    return BatchStarted(
        name=name, workflow_id=batch_workflow_id(name), started=new, location=f"/api/batches/{name}"
    )


def plan_document(name: str, plan: Plan) -> PlanDocument:
    file = plan.file.model_dump(include={"format", "size", "sha256"})
    return PlanDocument(name=name, **file, **plan.document())

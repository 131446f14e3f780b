"""The concern document: one thing that waits for a person, and the commands that answer it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import SubmissionRef, Wire
from order_system.domain.progress import OrderProgress, Timestamp, UndoState
from order_system.domain.steps import PIVOT, Step

STARTER = "python starter.py"
_WHY = '--note "..."'


class ConcernKind(StrEnum):
    """Why somebody has to look. The words are what people read."""

    STUCK_UNDO = "undo is stuck"
    HELD = "held"
    """A step has failed for good, and the order waits before it is undone."""
    UNKNOWN_NEED = "needs attention"
    """The server says so, and nobody can be asked what for."""
    BUG = "stuck on a bug"
    """Its workflow tasks fail, or time out, again and again."""
    NO_PROGRESS = "no progress"
    """An order that has been open for longer than one can take, and nothing has moved for as long."""
    ABANDONED = "abandoned"
    """Open in the order book, and no workflow is at work on it."""
    RETRIED = "retried again and again"
    """A batch cannot read its file, or its book."""
    BATCH_ORDERS = "orders need attention"
    BATCH_FAILED = "batch failed"
    NO_WORKER = "no worker"


class Concern(Wire):
    kind: ConcernKind
    workflow_id: str
    run_id: str | None = None
    order_id: str | None = None
    batch: str | None = None
    """The name of the batch that it is, or that the order came from."""
    step: Step | None = None
    since: Timestamp | None = None
    reason: str = ""
    """One line."""
    held_until: Timestamp | None = None
    """When the order is undone if nobody answers."""
    commands: tuple[str, ...] = ()
    """Each answers it; copy one."""
    cure: str | None = None
    """What to do where no command of ours answers it."""


@dataclass(frozen=True)
class WaitingOrder:
    """What every concern about an order says of it."""

    order_id: str
    run_id: str | None
    batch: str | None
    since: datetime | None = None

    def stuck_at(self, step: Step, reason: str) -> Concern:
        commands = tuple(resolve_commands(self.order_id, step))
        return self._concern(ConcernKind.STUCK_UNDO, step, reason, commands)

    def held_at(self, step: Step | None, reason: str, until: datetime | None) -> Concern:
        concern = self._concern(ConcernKind.HELD, step, reason, tuple(hold_commands(self.order_id)))
        return concern.model_copy(update={"held_until": until})

    def unknown_need(self, reason: str) -> Concern:
        return self._concern(ConcernKind.UNKNOWN_NEED, None, reason, (status_command(self.order_id),))

    def without_progress(self, step: Step | None, reason: str) -> Concern:
        concern = self._concern(ConcernKind.NO_PROGRESS, step, reason, (status_command(self.order_id),))
        return concern.model_copy(update={"cure": "see its pending activities and children in the Web UI"})

    def _concern(
        self, kind: ConcernKind, step: Step | None, reason: str, commands: tuple[str, ...]
    ) -> Concern:
        return Concern(
            kind=kind,
            workflow_id=order_workflow_id(self.order_id),
            run_id=self.run_id,
            order_id=self.order_id,
            batch=self.batch,
            step=step,
            since=self.since,
            reason=reason,
            commands=commands,
        )


def concerns_of(order: OrderProgress, *, batch: str | None = None) -> Iterator[Concern]:
    """What an order itself says that it waits for; nothing if it waits for nobody."""
    if order.status is not OrderStatus.NEEDS_ATTENTION:
        return
    since = max((step.closed_at for step in order.children if step.closed_at), default=None)
    waiting = WaitingOrder(order.order_id, order.run_id, batch, since)
    for undo in order.undos:
        if undo.status is UndoState.STUCK:
            yield waiting.stuck_at(undo.step, undo.reason or "")
    if order.held_until is not None:
        yield waiting.held_at(order.failed_step, order.reason or "", order.held_until)


def abandoned_submission(ref: SubmissionRef) -> Concern:
    """One that is open in the order book although no workflow is at work on it."""
    return Concern(
        kind=ConcernKind.ABANDONED,
        workflow_id=order_workflow_id(ref.order_id),
        run_id=ref.submission,
        order_id=ref.order_id,
        reason="its workflow has ended without closing it: what it charged and holds belongs to nobody",
        commands=(f"{STARTER} reconcile",),
    )


def resolve_commands(order_id: str, step: Step) -> Iterator[str]:
    resolve = f"{STARTER} resolve {shlex.quote(order_id)} {step}"
    yield f"{resolve} --retry"
    if step is PIVOT:
        yield f"{resolve} --handled --voided {_WHY}"
        yield f"{resolve} --handled --dispatched {_WHY}"
    else:
        yield f"{resolve} --handled {_WHY}"


def hold_commands(order_id: str) -> Iterator[str]:
    yield f"{STARTER} retry {shlex.quote(order_id)}"
    yield f"{STARTER} give-up {shlex.quote(order_id)}"


def status_command(order_id: str) -> str:
    return f"{STARTER} status {shlex.quote(order_id)}"


def batch_command(action: str, name: str) -> str:
    return f"{STARTER} batch {action} {shlex.quote(name)}"

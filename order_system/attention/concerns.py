"""The concern document: one thing that waits for a person, what the person needs to know of it, and the
commands that answer it."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import PrivateAttr

from order_system.domain.book import Stranded
from order_system.domain.errors import KeyTrouble
from order_system.domain.ids import batch_workflow_id, order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.money import format_decimal
from order_system.domain.order import Customer, Order, Wire
from order_system.domain.progress import AttemptMade, OrderProgress, UndoState
from order_system.domain.steps import PIVOT, Step
from order_system.domain.wording import Timestamp
from order_system.infra.process import STARTER, WORKER
from order_system.infra.redaction import clean_text
from order_system.orders.details import Receipt
from order_system.reconciliation.client import Asleep


class ConcernKind(StrEnum):
    """The reasons why a person has to look. People read the values; `attention --help` explains each."""

    STUCK_UNDO = "undo is stuck"
    STUCK_REFUND = "refund is stuck"
    HELD = "held"
    UNKNOWN_NEED = "needs attention"
    BUG = "stuck on a bug"
    NO_PROGRESS = "no progress"
    ABANDONED = "abandoned"
    NOTICE_OWED = "customer not told"
    RETRIED = "retried again and again"
    BATCH_ORDERS = "orders need attention"
    BATCH_FAILED = "batch failed"
    NO_WORKER = "no worker"
    NO_WORKER_OF_VERSION = "no worker of a version"
    OTHER_SERVER = "on another server"
    RECONCILER_ASLEEP = "reconciler does not run"
    BOOK = "order book"
    UNDELIVERED = "event not delivered"
    OTHER_BOOK = "another order book"


class Concern(Wire):
    kind: ConcernKind
    workflow_id: str
    run_id: str | None = None
    order_id: str | None = None
    batch: str | None = None
    """The name of the batch that the concern is about, or from which its order came."""
    server: str | None = None
    """The UUID of the namespace on another server."""
    step: Step | None = None
    refund: str | None = None
    """The ID of a refund of a fulfilled order."""
    event_id: str | None = None
    """The ID of an event that was not delivered."""
    since: Timestamp | None = None
    reason: str = ""
    """Why it waits, in one line."""
    held_until: Timestamp | None = None
    """When the order is undone if nobody answers."""
    commands: tuple[str, ...] = ()
    """The commands to choose from: each answers the concern."""
    cure: str | None = None
    """What to do where no command of ours answers it."""

    # The particulars of an order (`what_waits.with_particulars`).
    amount: str | None = None
    """Decimal text in `currency`: the order's total, or what a refund gives back."""
    currency: str | None = None
    customer: Customer | None = None
    """Known as long as the server has the order's content."""
    key: str | None = None
    """The idempotency key of a refund; the receipts have the other keys."""
    receipts: tuple[Receipt, ...] = ()
    """The gateways' receipts: those that the stuck undo or refund takes back, or else all of the order."""
    tried: AttemptMade | None = None
    """The last failed attempt: of the stuck undo or refund, or else of any activity."""
    next_attempt_at: Timestamp | None = None
    """None while an attempt runs, or if the time is not known."""
    taken_by: str | None = None
    """The person who took this on, and when."""
    taken_at: Timestamp | None = None
    _order: Order | None = PrivateAttr(None)

    def with_order(self, order: Order | None, told: Mapping[str, object]) -> "Concern":
        """Return a copy with what is `told` of its order, whose customer neither viewers nor events name."""
        copy = self.model_copy(update=told)
        copy._order = order
        return copy

    @property
    def words(self) -> str:
        if self.step and self.kind is ConcernKind.STUCK_UNDO:
            return f"undo of {self.step} is stuck"
        if self.kind is ConcernKind.BUG and self.reason.startswith(KeyTrouble.__name__):
            return "stuck on a key"
        return f"held at {self.step}" if self.step and self.kind is ConcernKind.HELD else self.kind

    @property
    def matter(self) -> str:
        """What a person takes on: one concern of an order, apart from its other concerns."""
        return f"{self.words}: {self.refund}" if self.refund else self.words

    @property
    def choice(self) -> str:
        """The text by which a person chooses the concern, such as `ORDER-001:payment`."""
        return ":".join(part for part in (self.order_id, self.step, self.refund, self.event_id) if part)

    @property
    def money(self) -> str:
        return format_decimal(self.amount, self.currency)

    def masked(self) -> "Concern":
        """Return a copy for a viewer, without the customer."""
        customer = self.customer and Customer(name="***", email="***")
        tried = self.tried and self.tried.model_copy(update={"said": self._impersonal(self.tried.said or "")})
        told = {"customer": customer, "reason": self.impersonal_reason, "tried": tried}
        return self.model_copy(update=told)

    @property
    def impersonal_reason(self) -> str:
        return self._impersonal(self.reason)

    def _impersonal(self, words: str) -> str:
        return clean_text(self._order.impersonal(words) if self._order else words)


_CURES = {
    ConcernKind.NO_PROGRESS: "see its pending activities and children in the Web UI",
    ConcernKind.BUG: "mend or roll back the code, or put the key that it names into ORDER_KEYS, and restart "
    "the workers: it goes on where it stands",
    ConcernKind.RETRIED: "make its file and its database readable again: it goes on by itself; or cancel it",
    ConcernKind.BOOK: "make room on its disk, end what locks it, or mend it: what waits goes on by itself",
    ConcernKind.NO_WORKER_OF_VERSION: "start its workers again; or take what is open to a build that has "
    f"some, by `{STARTER} rollout move --from`, and make that one the current version",
    ConcernKind.OTHER_BOOK: "give all of them one book (ORDER_DATA_DIR, ORDER_DATABASE_URL), or each book a "
    "task queue of its own (ORDER_TASK_QUEUE unset), and restart: what waits goes on",
    ConcernKind.BATCH_FAILED: f"run its file again: {STARTER} batch run FILE --name {{name}}",
}


@dataclass(frozen=True)
class WaitingOrder:
    """The facts that all concerns about one order share."""

    order_id: str
    run_id: str | None
    batch: str | None = None
    since: datetime | None = None

    def concern(self, kind: ConcernKind, reason: str, *, step: Step | None = None, **more: Any) -> Concern:
        commands = tuple(_answers(kind, self.order_id, step))
        told = {"workflow_id": order_workflow_id(self.order_id), "step": step, **vars(self), **more}
        return about_all(kind, reason, **{"commands": commands, **told})


def about_batch(kind: ConcernKind, name: str, reason: str, **more: Any) -> Concern:
    actions = ("status", "cancel") if kind is ConcernKind.RETRIED else ("status",)
    commands = tuple(f"{STARTER} batch {action} {shlex.quote(name)}" for action in actions)
    told = about_all(kind, reason, workflow_id=batch_workflow_id(name), batch=name, commands=commands, **more)
    return told.model_copy(update={"cure": told.cure and told.cure.format(name=name)})


def about_server(stranded: Stranded) -> Concern:
    where = f"in its namespace {stranded.namespace}" if stranded.namespace else "there"
    return about_all(
        ConcernKind.OTHER_SERVER,
        f"{stranded.submissions:,} open {where}, and not settled here",
        server=stranded.server,
        since=stranded.since,
        cure="they go on when that server and a worker of it run (of a run with --embedded: when you say "
        "--embedded again). Adopt them only if it is gone for good: "
        "two servers at work on one order could undo what the other does." + stranded.batches_to_run,
        commands=(f"{STARTER} adopt {shlex.quote(stranded.server)}",),
    )


def about_schedule(asleep: Asleep, namespace: str) -> Concern:
    toggle = f"temporal schedule toggle --namespace {shlex.quote(namespace)}"
    commands = {
        "paused": f'{toggle} --schedule-id {asleep.schedule_id} --unpause --reason "..."',
        "no worker": WORKER,
        "fails": f"{STARTER} reconcile",
    }
    return about_all(
        ConcernKind.RECONCILER_ASLEEP,
        asleep.reason,
        workflow_id=asleep.schedule_id,
        since=asleep.since,
        commands=(commands[asleep.why],),
    )


def about_all(kind: ConcernKind, reason: str, **more: Any) -> Concern:
    """Return a concern, with `more` of its fields. Without any it is about what stops many workflows, such as
    the order book or missing workers."""
    commands = (WORKER,) if kind is ConcernKind.NO_WORKER else ()
    told: dict[str, Any] = {"workflow_id": "", "commands": commands, "cure": _CURES.get(kind), **more}
    return Concern(kind=kind, reason=reason, **told)


def concerns_of(order: OrderProgress, *, batch: str | None = None) -> Iterator[Concern]:
    """Yield the concerns that an order itself reports; none if it does not wait for a person."""
    if order.status is not OrderStatus.NEEDS_ATTENTION:
        return
    since = max((step.closed_at for step in order.children if step.closed_at), default=None)
    waiting = WaitingOrder(order.order_id, order.run_id, batch, since)
    for undo in order.undos:
        if undo.status is UndoState.STUCK:
            reason, due = undo.reason or "", undo.next_attempt_at
            yield waiting.concern(ConcernKind.STUCK_UNDO, reason, step=undo.step, next_attempt_at=due)
    if order.held_until is not None:
        step, beside = order.failed_step, [each for each in order.holds if each.ended_at is None]
        reasons = [
            order.reason or "",
            *(f"{each.step}: {each.reason}" for each in beside if each.step != step),
        ]
        yield waiting.concern(
            ConcernKind.HELD, "; held, too, at ".join(reasons), step=step, held_until=order.held_until
        )


def _by_hand(order: str, step: Step | None) -> Iterator[str]:
    for how in ("--handled --voided", "--handled --dispatched") if step is PIVOT else ("--handled",):
        yield f'{STARTER} resolve {order} {step} {how} --note "..."'


def status_command(order_id: str) -> str:
    return f"{STARTER} status {shlex.quote(order_id)}"


def _answers(kind: ConcernKind, order_id: str, step: Step | None) -> Iterator[str]:
    """Yield the commands that answer the concern; where none does, the one that shows the order."""
    order = shlex.quote(order_id)
    match kind:
        case ConcernKind.STUCK_UNDO:
            yield f"{STARTER} resolve {order} {step} --retry"
            yield from _by_hand(order, step)
        case ConcernKind.HELD:
            yield f"{STARTER} retry {order}"
            yield f"{STARTER} give-up {order}"
        case ConcernKind.ABANDONED | ConcernKind.NOTICE_OWED:
            yield f"{STARTER} reconcile"
            if step is not None:
                yield from _by_hand(order, step)
        case _:
            yield status_command(order_id)

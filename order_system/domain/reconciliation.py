"""Reconciliation: what a run of the reconciler is told, what it answers, and what it needs from outside.

The reconciler settles what no workflow is at work on any more. A submission that is open in the book while
its workflow has ended (terminated, timed out, deleted) is undone by its own keys. It asks about a key again
that a closed submission has left in doubt, since the attempt that was never answered may have landed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, Self

from pydantic import Field

from order_system.domain import policy
from order_system.domain.book import EffectState, Server
from order_system.domain.messages import AnswerToNote, NoticeKind
from order_system.domain.order import OfBook, Order, SubmissionRef, Wire
from order_system.domain.steps import Effect

# --- the report -----------------------------------------------------------------------------------


class Finding(Wire):
    order_id: str
    submission: str
    detail: str
    """For people: `refunded 1,059.97 USD`, or why it could not be done yet."""

    @classmethod
    def about(cls, ref: SubmissionRef, detail: str) -> Self:
        return cls(order_id=ref.order_id, submission=ref.submission, detail=detail)


class Tally(Wire):
    """How many, and which: the first `policy.RECONCILE_NAMED` of them."""

    count: int = 0
    orders: tuple[Finding, ...] = ()

    def plus(self, finding: Finding) -> "Tally":
        named = (*self.orders, finding)[: policy.RECONCILE_NAMED]
        return Tally(count=self.count + 1, orders=named)


class ReconciliationReport(Wire):
    """What a run did. Submissions looked at = left alone + settled + closed as fulfilled + not yet; keys
    asked for = in doubt undone + never happened + still in doubt + unanswered."""

    submissions_looked_at: int = 0
    """Submissions of this server that are open in the book, and old enough."""
    left_alone: Tally = Tally()
    """Their workflow is open."""
    settled: Tally = Tally()
    """Undone, and closed as terminated."""
    fulfilled: Tally = Tally()
    """Closed as fulfilled: the parcel was gone."""
    not_yet: Tally = Tally()
    """An undo failed until the run gave it up: the next run goes on with it."""
    keys_asked: int = 0
    """Keys in doubt, of closed submissions."""
    doubts_undone: Tally = Tally()
    """The effect had happened after all, and was given back now."""
    doubts_ended: Tally = Tally()
    """Nothing was found until the horizon: it counts as never happened."""
    doubts_left: Tally = Tally()
    """Nothing was found so far: asked again until the horizon."""
    doubts_unanswered: Tally = Tally()
    """The gateway could not tell: asked again by the next run."""
    notices_sent: Tally = Tally()
    """Owed to a customer since an order ended, and sent now."""
    notices_owed: Tally = Tally()
    """They could not be sent now: the next run tries again, and a person is called."""
    answered: bool | None = None
    """For a run with a person's answer: whether that was recorded. False: the undo had ended before."""

    @property
    def unsettled(self) -> int:
        """How many findings a person may have to look at, if they stay so."""
        return self.not_yet.count + self.doubts_unanswered.count + self.notices_owed.count

    def findings(self) -> list[str]:
        """Return in words what became of the submissions that are named."""
        tallies = {"settled": self.settled, "fulfilled": self.fulfilled}
        tallies |= {"not settled yet": self.not_yet, "left alone": self.left_alone}
        return [f"{name}: {each.detail}" for name, tally in tallies.items() for each in tally.orders]

    def with_one_more(self, name: "TallyName", finding: Finding) -> "ReconciliationReport":
        tally: Tally = getattr(self, name)
        return self.model_copy(update={name: tally.plus(finding)})

    def with_answers(self, answers: "Iterable[NoticeAnswer | KeyAnswer]") -> "ReconciliationReport":
        report = self
        for answer in answers:
            report = report.with_one_more(answer.tally, answer.finding)
        return report


TallyName = Literal[
    "left_alone",
    "settled",
    "fulfilled",
    "not_yet",
    "doubts_undone",
    "doubts_ended",
    "doubts_left",
    "doubts_unanswered",
    "notices_sent",
    "notices_owed",
]
"""The fields of the report that count findings."""

# --- what workflow and activities say to each other -----------------------------------------------


class KeyInDoubt(Wire):
    """A key of a closed submission. Also a place in the list of all such keys, which is sorted by it."""

    submission: SubmissionRef
    effect: Effect
    undo_ended_at: datetime = Field(validation_alias="settled_at", serialization_alias="settled_at")
    """When its undo ended without having found anything."""
    has_receipt: bool
    """True if the attempt answered after its undo had begun: then the effect did happen."""


class ReconciliationRequest(OfBook):
    only: AnswerToNote | None = None
    """Settle this submission, with a person's answer, and nothing else."""
    forget_after: timedelta | None = None
    """Forget the orders that have been closed for so long, and do nothing else."""
    min_age_seconds: float = 0
    """Open submissions that are younger are left out: nearly all of them are simply under way."""
    submissions_done: bool = False
    after_order: str | None = None
    after_key: KeyInDoubt | None = None
    keys_done: bool = False
    after_notice: str | None = None
    report: ReconciliationReport = ReconciliationReport()
    """All but the first three fields say how far a run has come that continues as new."""


class SubmissionPageRequest(OfBook):
    """Asks for the next page of open submissions, or of owed notices, sorted by order ID."""

    min_age_seconds: float
    after_order: str | None


class SubmissionPage(Wire):
    looked_at: int
    left_alone: tuple[Finding, ...]
    abandoned: tuple[SubmissionRef, ...]
    next: str | None
    """The last order ID of this page; None if there are no more."""


class OwedNotice(Wire):
    submission: SubmissionRef
    kind: NoticeKind
    closed_at: datetime

    @property
    def order_id(self) -> str:
        return self.submission.order_id


class NoticeAnswer(Wire):
    finding: Finding
    tally: TallyName


class NoticePage(Wire):
    answers: tuple[NoticeAnswer, ...]
    next: str | None
    """The last order ID of this page; None if there are no more."""


class KeyPageRequest(OfBook):
    after_key: KeyInDoubt | None


class KeyAnswer(Wire):
    key: KeyInDoubt
    tally: TallyName
    detail: str

    @property
    def finding(self) -> Finding:
        return Finding.about(self.key.submission, self.detail)


class KeyPage(Wire):
    answers: tuple[KeyAnswer, ...]
    next: KeyInDoubt | None


# --- what it needs from outside -------------------------------------------------------------------


@dataclass(frozen=True)
class CurrentRun:
    """The newest run under the ID of an order's workflow."""

    submission: str
    """Its first run's ID: a reset keeps it, a fresh start does not."""
    is_open: bool
    completed: bool = False
    """True if it has ended by itself, and well."""


def is_abandoned(current: CurrentRun | None) -> bool:
    """True if no workflow is at work on any submission of the order. `current` is None if the server has
    never seen the order's ID, or has forgotten it. An open submission settles an older one before it charges,
    and a person may be answering there: two must not undo it at once."""
    return current is None or not current.is_open


class OrderRuns(Protocol):
    """The orders' workflows, as the server has them."""

    async def current_run(self, order_id: str) -> CurrentRun | None:
        """Return the newest run. None only if the server says that there is no such workflow. Raises for any
        other trouble: "unknown" must never count as "forgotten"."""
        ...

    async def order_of(self, ref: SubmissionRef) -> Order | None:
        """Return the order of that submission. None if nobody here can read it: the server has forgotten it,
        or its key is destroyed or away. Raises as above."""
        ...

    async def fingerprint(self, order_id: str, /) -> str | None:
        """Return the fingerprint of the content under the order's workflow ID, running or closed, even if the
        book does not know the order yet. Empty if its starter gave none, None without such a workflow."""
        ...

    async def begin_forgotten(self, started_before: datetime) -> None:
        """Have running orders begin that were never given a task: the server forgets a child's first task if
        it dies just after the start, and the parent is terminated when the server is back. Idempotent."""
        ...

    async def server(self) -> Server:
        """Return the server that answers, asked anew each time: another may be at its address by now."""
        ...


@dataclass(frozen=True)
class OlderOnes:
    """Asks the book for a page of what it has of this server alone, sorted by order ID."""

    here: Server
    before: datetime
    """Only what was opened by then or, if it has closed, closed by then."""
    after_order: str | None
    limit: int = policy.RECONCILE_PAGE


class ReconciliationBook(Protocol):
    """The order book, as the reconciler's activities need it."""

    async def open_submissions(self, asked: OlderOnes) -> Sequence[SubmissionRef]:
        """Return open submissions. Each order has one at most."""
        ...

    async def keys_in_doubt(
        self, here: Server, *, after: KeyInDoubt | None, limit: int
    ) -> Sequence[KeyInDoubt]:
        """Return the charges and reservations in doubt, of this server's submissions closed as undone."""
        ...

    async def owed_notices(self, asked: OlderOnes) -> Sequence[OwedNotice]:
        """Return the owed notices of orders that have no later submission."""
        ...

    async def end_doubt(self, key: KeyInDoubt, state: EffectState, at: datetime) -> None:
        """End the doubt. UNDONE: the effect had happened and was reversed; NEVER_HAPPENED: it had not.
        Idempotent. If two calls disagree, the one that found something is right."""
        ...

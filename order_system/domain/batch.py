"""A batch: a file of orders, run as one workflow. Its request, its counts, what to do with an order that is
already known, and what it needs of the order book."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from order_system.domain import policy
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.order import Handling, OfBook, Order, Wire, always_sent
from order_system.domain.order_file import FileRef, ParsedOrder, Position
from order_system.domain.wording import Timestamp


class Fate(StrEnum):
    """What a batch decides about one order of its file."""

    START = "start"
    SKIP_FULFILLED = "already fulfilled"
    SKIP_RUNNING = "already running"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    NOT_ASKED_FOR = "not asked for"
    """`batch retry` runs only the orders that failed, and those that the batch was to start and never did."""


def fate_of(fingerprint: str, known: SubmissionRecord | None, *, new_ones: bool = True) -> Fate:
    """Decide whether an order runs. An unknown order runs only with `new_ones`. An open order is tried, too:
    perhaps only the book believes that it runs. If it does run, the server refuses a second start."""
    if known is None:
        return Fate.START if new_ones else Fate.NOT_ASKED_FOR
    if known.status is SubmissionStatus.FULFILLED:
        same = known.ref.fingerprint == fingerprint
        return Fate.SKIP_FULFILLED if same else Fate.CONFLICT
    return Fate.START


def fate_of_refused(fingerprint: str, known: SubmissionRecord | None, on_server: str | None) -> Fate:
    """Decide about an order whose start the server refused, since it runs or is fulfilled. `on_server` is the
    fingerprint of the order that the server has under this ID (None: it has none any more).

    Unless the order is fulfilled, the server's word counts and not the book's: the running submission may not
    have opened in the book yet. What the book has is then an older one, with content of its own."""
    if known is not None and known.status is SubmissionStatus.FULFILLED:
        return Fate.SKIP_FULFILLED if known.ref.fingerprint == fingerprint else Fate.CONFLICT
    return Fate.SKIP_RUNNING if on_server in (None, fingerprint) else Fate.CONFLICT


class BatchCounts(Wire):
    """Orders of the file = valid = fulfilled + failed + cancelled + needing attention + skipped +
    conflicting + not started + running. Rows = rows of those + rejected, duplicate and left-out rows."""

    bytes_read: int = 0
    rows: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    rows_left_out: int = 0
    rows_valid: int = 0
    rejected: int = 0
    """Rows or blocks of rows with something wrong, each reported once."""
    duplicate: int = 0
    """Further blocks under an order ID that the file has had before."""
    left_out: int = 0
    """Orders that are not to be shipped: their shop has fulfilled, refunded or cancelled them."""
    valid: int = 0
    skipped: int = 0
    conflicting: int = 0
    not_started: int = 0
    running: int = 0
    fulfilled: int = 0
    failed: int = 0
    cancelled: int = 0
    needing_attention: int = 0

    @property
    def ended(self) -> int:
        """The number of orders whose fate is decided: they have ended, or are not run."""
        return self.valid - self.running - self.not_started

    def plus(self, other: "BatchCounts") -> "BatchCounts":
        return BatchCounts.model_validate(
            {name: getattr(self, name) + getattr(other, name) for name in BatchCounts.model_fields}
        )


class PaceMark(Wire):
    """How many orders had ended at some moment. The pace is measured from such a mark."""

    at: datetime
    ended: int


class OrderUnderWay(Wire):
    """An order that an earlier run of the batch's workflow started."""

    submission: str
    since: datetime


class BatchState(Wire):
    """What one run of the batch's workflow hands on to the next."""

    position: Position | None = None
    """Where the next page begins; None before the first."""
    at_end: bool = False
    """True once the whole file has been read."""
    to_start: tuple[Order, ...] = ()
    """The orders of the last page that are not started yet, at most BATCH_PAGE_ORDERS."""
    counts: BatchCounts = BatchCounts()
    under_way: dict[str, OrderUnderWay] = Field(default_factory=dict[str, OrderUnderWay])
    """Orders that outlasted their run. They keep their places in the window, and are looked up."""
    handed_on: dict[str, str | None] = Field(default_factory=dict[str, str | None])
    """Orders that took too long to keep their places, with their submissions (None: not known)."""
    paused: bool = False
    started_at: datetime | None = None
    pace: tuple[PaceMark, ...] = ()


class BatchRequest(Handling):
    """Where the rows are, but never the rows; and the handling of orders that do not give their own."""

    name: str
    file: FileRef
    window: int = always_sent(policy.BATCH_WINDOW, ge=1, le=policy.BATCH_WINDOW_LIMIT)
    """Orders under way at once."""
    only_failed: bool = False
    page_bytes: int = always_sent(policy.BATCH_PAGE_BYTES)
    continue_after_events: int = always_sent(
        policy.BATCH_HISTORY_EVENTS, ge=policy.BATCH_HISTORY_EVENTS_LEAST
    )
    """The number of history events after which a run of the workflow continues as new."""
    state: BatchState = BatchState()


class BatchStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """The batch could not be run: its file is gone or was changed. A terminated batch counts, too."""
    FORGOTTEN = "forgotten"
    """Temporal has forgotten the run; the book still knows what became of its orders."""


ENDED = {BatchStatus.FINISHED, BatchStatus.CANCELLED, BatchStatus.FAILED, BatchStatus.FORGOTTEN}


class BatchProgress(Wire):
    name: str
    workflow_id: str
    status: BatchStatus
    window: int
    bytes_total: int
    """The size of the file, of which `counts.bytes_read` have been read."""
    counts: BatchCounts
    started_at: Timestamp
    """The start of the batch, also after it has continued as new."""
    updated_at: Timestamp | None = None
    """When the counts last changed. None if only the book could tell the counts."""
    orders_expected: int = 0
    """Valid orders in the whole file: by its number of orders if known, else by the bytes that were read."""
    orders_a_second: float | None = None
    """Orders that ended, were skipped or were found in conflict, over about the last minute before
    `updated_at`; for an ended batch, over the whole of it. None as long as no time has gone by."""
    seconds_left: float | None = None
    """The time from `updated_at` on for the orders that are expected, at this pace. None while the batch is
    paused or nothing has ended lately; 0 when the batch has ended."""
    reason: str | None = None
    """Why the batch failed, or why the book answers in place of its workflow."""
    handed_on: tuple[str, ...] = ()
    """The IDs of orders that take long; at the end of the batch, of those that need attention."""
    waiting: int = 0
    """How many of `counts.running` need attention by now, as the server lists them."""

    @property
    def stand(self) -> BatchCounts:
        """The counts for people: what needs attention is not told as running."""
        told = {"running": self.counts.running - self.waiting}
        told["needing_attention"] = self.counts.needing_attention + self.waiting
        return self.counts.model_copy(update=told)


class OfRun(OfBook):
    batch: str
    """The batch's workflow ID."""
    run: str
    """`first_execution_run_id` of the batch: the same through continue-as-new."""


class BatchOpening(OfRun):
    request: BatchRequest


class BatchRecord(BatchOpening):
    """What the book keeps of one run of a batch."""

    started_at: datetime


class FilePageRequest(OfRun):
    file: FileRef
    position: Position | None
    page_bytes: int
    only_failed: bool
    start_none: bool = False


class PagePlan(Wire):
    start: tuple[Order, ...]
    counts: BatchCounts
    """The counts of this page alone; `not_started` counts the orders to start."""
    position: Position
    at_end: bool


class RefusedStart(OfRun):
    order_id: str
    fingerprint: str


class RefusedFate(Wire):
    fate: Fate


class LookUpRequest(OfBook):
    submissions: dict[str, str | None]
    """Order ID -> the submission that is asked about. None if it is not known: then only a fulfilled
    submission tells how the order ended, since others may be of an earlier day."""


class LookedUp(Wire):
    statuses: dict[str, SubmissionStatus]
    """Order ID -> the status of its submission, for those that have closed."""


class BatchBook(Protocol):
    """The book, as a batch needs it. `batch` is its workflow's ID, `run` its `first_execution_run_id`."""

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        """Return, for each order that the book knows, the submission that counts: the fulfilled one, else the
        open one, else the newest. One query for any number of IDs."""
        ...

    async def open_batch(self, batch: str, run: str, request: BatchRequest, at: datetime) -> None:
        """Remember which file a run reads, and when it began, by the server's clock: the latest of a batch is
        its newest run. Idempotent."""
        ...

    async def note_orders(self, batch: str, run: str, orders: Sequence[ParsedOrder]) -> dict[str, int]:
        """Note these orders, and return the line where each first stands in the file. Idempotent: a page that
        is read again finds its own lines; a duplicate finds another line."""
        ...

    async def note_fates(self, batch: str, run: str, fates: Mapping[str, Fate]) -> None:
        """Note what the batch decided about orders that it has noted. Idempotent."""
        ...

    async def decided_to_start(self, batch: str, order_ids: Sequence[str]) -> set[str]:
        """Return those orders that any run of this batch was to start, whether it did or not."""
        ...

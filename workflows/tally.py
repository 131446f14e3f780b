"""The counts of a running batch, and how fast they grow. The clock is passed in: a workflow has its own."""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from order_system.domain import policy
from order_system.domain.batch import BatchCounts, BatchState, PaceMark


class BatchTally:
    def __init__(
        self,
        state: BatchState,
        now: Callable[[], datetime],
        run_started_at: datetime,
        orders: int | None = None,
    ) -> None:
        """`orders` is the number of orders in the file, if that is known."""
        self._now = now
        self._orders = orders
        self.counts = state.counts
        self.started_at = state.started_at or run_started_at
        self.updated_at = now()
        self._marks = deque(state.pace or [self._mark_now()])

    @property
    def marks(self) -> tuple[PaceMark, ...]:
        """The marks from which the workflow's next run goes on measuring the pace."""
        return tuple(self._marks)

    def add(self, page: BatchCounts) -> None:
        self.counts = self.counts.plus(page)
        self._has_changed()

    def move(self, leaves: str, joins: str) -> None:
        """Count one order as `joins` that was counted as `leaves`."""
        change = {leaves: getattr(self.counts, leaves) - 1, joins: getattr(self.counts, joins) + 1}
        self.counts = self.counts.model_copy(update=change)
        self._has_changed()

    def measure_anew(self) -> None:
        """Measure the pace from now on: the time of a pause must not count as slowness."""
        self._marks = deque([self._mark_now()])

    def recent_pace(self) -> float | None:
        """Orders a second over about the last BATCH_PACE_OVER; None as long as no time has gone by."""
        oldest = self._marks[0]
        return _a_second(self.counts.ended - oldest.ended, oldest.at, self.updated_at)

    def whole_pace(self) -> float | None:
        """Orders a second since the start."""
        return _a_second(self.counts.ended, self.started_at, self.updated_at)

    def expected(self, bytes_total: int) -> int:
        """Valid orders in the whole file: by its number of orders if known, else by what has been read."""
        counts, read = self.counts, max(1, self.counts.bytes_read)
        if self._orders is not None:
            return max(counts.valid, self._orders - counts.rejected - counts.duplicate - counts.left_out)
        return max(counts.valid, round(counts.valid * max(read, bytes_total) / read))

    def seconds_left(self, bytes_total: int) -> float | None:
        """Seconds until all expected orders have ended, at the recent pace."""
        pace = self.recent_pace()
        return round((self.expected(bytes_total) - self.counts.ended) / pace, 1) if pace else None

    def _has_changed(self) -> None:
        self.updated_at = self._now()
        if self.updated_at - self._marks[-1].at >= policy.BATCH_PACE_STEP:
            self._marks.append(self._mark_now())
        while len(self._marks) > 1 and self.updated_at - self._marks[1].at >= policy.BATCH_PACE_OVER:
            self._marks.popleft()

    def _mark_now(self) -> PaceMark:
        return PaceMark(at=self._now(), ended=self.counts.ended)


def _a_second(orders: int, since: datetime, until: datetime) -> float | None:
    seconds = (until - since).total_seconds()
    return round(orders / seconds, 2) if seconds > 0 else None

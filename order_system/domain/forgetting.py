"""What the order book has to do so that a closed order is forgotten: all that tells of its customer goes, and
what the audit needs stays."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from order_system.domain.answers import Answer
from order_system.domain.book import FindsOrders, SubmissionRecord
from order_system.domain.servers import Server


class ForgetfulBook(FindsOrders, Protocol):
    async def to_forget(self, *, batch: str | None = None, before: datetime | None = None) -> Sequence[str]:
        """Orders of the batch of this name; or those not forgotten whose submissions all closed before.
        Raises UnknownBatch."""
        ...

    async def batches_with(self, order_id: str, /) -> Sequence[tuple[str, str, str]]:
        """Workflow ID, run and file of each run of a batch whose file had that order."""
        ...

    async def begin_forgetting(
        self, order_id: str, known: SubmissionRecord | None, here: Server, asked: Answer, /
    ) -> Sequence[str]:
        """Note who asks for it, and why; returns the order's submissions. Idempotent: the first word stays.
        Raises ForgettingRefused, and nothing is noted, unless it is over and done with, and as `known`."""
        ...

    async def end_forgetting(self, order_id: str, these: Sequence[str], /) -> None:
        """Blank these submissions. Idempotent."""
        ...

    async def note_forgotten(self, these: Mapping[str, Sequence[str]], /) -> None:
        """By order, its submissions, of which no byte is left. Idempotent."""
        ...

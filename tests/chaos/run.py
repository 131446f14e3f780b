"""One run: what was planned, what is left of it, and where to look."""

import json
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from temporalio.client import Client

from order_system.cli.options import INVALID
from order_system.domain.book import SubmissionRecord
from order_system.domain.errors import BookGone
from order_system.domain.order import Order
from order_system.orders.client import OrderClient
from tests.chaos.arena import Arena
from tests.chaos.diary import Entry
from tests.chaos.plan import Plan


@dataclass(frozen=True)
class Said:
    """What a submit of the command line told whoever waited for its end."""

    order: Order
    code: int
    text: str

    @property
    def status(self) -> str:
        """Of the order, as it was told; `conflict` if the content was refused."""
        return "conflict" if self.code == INVALID else str(json.loads(self.text)[0]["status"])


@dataclass
class Run:
    """What is left to judge and to tell when all is quiet."""

    plan: Plan
    arena: Arena
    temporal: Client
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    unsettled: list[str] = field(default_factory=list[str])
    """What was still not quiet when patience ended."""
    said: list[Said] = field(default_factory=list[Said])

    under_way: Counter[str] = field(default_factory=Counter[str])
    """Orders that are being submitted, or that a person has to do with."""

    @contextmanager
    def busy_with(self, order_id: str) -> Generator[None]:
        """While the block lasts, nothing is quiet."""
        self.under_way[order_id] += 1
        try:
            yield
        finally:
            self.under_way[order_id] -= 1

    @property
    def orders(self) -> OrderClient:
        return self.arena.system.client(self.temporal)

    @property
    def fired(self) -> list[Entry]:
        return [entry for entry in self.arena.entries.entries if entry.what == "fired"]

    async def records(self) -> dict[str, SubmissionRecord]:
        return await self.found([order.order_id for order in self.plan.orders])

    async def found(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        """In the book, as soon as it is back in its place."""
        while True:
            with suppress(BookGone):
                return await self.arena.system.book.find(order_ids)
            await self.arena.book_is_there.wait()

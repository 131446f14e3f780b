"""One run: what was planned, what is left of it, and where to look."""

import time
from dataclasses import dataclass, field

from temporalio.client import Client

from order_system.domain.book import SubmissionRecord
from order_system.orders.client import OrderClient
from tests.chaos.arena import Arena
from tests.chaos.diary import Entry
from tests.chaos.plan import Plan


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

    @property
    def orders(self) -> OrderClient:
        return self.arena.system.client(self.temporal)

    @property
    def fired(self) -> list[Entry]:
        return [entry for entry in self.arena.entries.entries if entry.what == "fired"]

    async def records(self) -> dict[str, SubmissionRecord]:
        return await self.arena.system.book.find([order.order_id for order in self.plan.orders])

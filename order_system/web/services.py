"""The services that routes use. A route gets them from the app's state, by `Given`; it opens none itself."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from temporalio.client import Client

from order_system.attention.client import AttentionClient
from order_system.batches.client import BatchClient
from order_system.batches.files import OrderFiles
from order_system.book.order_book import SqlOrderBook
from order_system.bootstrap import OrderSystem
from order_system.domain.errors import OrderSystemError
from order_system.infra import policy as infra_policy
from order_system.infra.links import UiLinks
from order_system.infra.settings import Settings
from order_system.orders.client import OrderClient
from order_system.orders.forgetting import Forgetting
from order_system.orders.lists import OrderLists
from order_system.web import policy


@dataclass
class WaitingCount:
    """How many things wait for a person. One look now and then serves all open pages; the longer a look
    takes, the rarer looks are. A page waits a moment for the first look, and for one that is long overdue;
    else it shows the last number."""

    attention: AttentionClient
    _known: int | None = None
    _again_at: float = 0
    _look: asyncio.Task[None] | None = None

    async def number(self) -> int:
        late = time.monotonic() - self._again_at
        if late >= 0 and (self._look is None or self._look.done()):
            self._look = asyncio.create_task(self._count())
        if self._look is not None and (
            self._known is None or late > policy.PAGE_RENEWED_SELDOM.total_seconds()
        ):
            await asyncio.wait([self._look], timeout=infra_policy.WAITING_ASKED.total_seconds())
        return self._known or 0

    def is_known(self, number: int, took: float) -> None:
        """Take over a number that another look has found; `took` is in seconds."""
        self._known = number
        self._again_at = time.monotonic() + max(policy.PAGE_RENEWED.total_seconds(), 3 * took)

    def end(self) -> None:
        """End the look under way, since the book is about to be closed."""
        if self._look is not None:
            self._look.cancel()

    async def _count(self) -> None:
        began = time.monotonic()
        with suppress(OrderSystemError):
            self._known = await self.attention.count()
        self.is_known(self._known or 0, time.monotonic() - began)


@dataclass(frozen=True)
class Services:
    settings: Settings
    temporal: Client
    orders: OrderClient
    batches: BatchClient
    attention: AttentionClient
    forgetting: Forgetting
    book: SqlOrderBook
    lists: OrderLists
    files: OrderFiles
    links: UiLinks
    waiting: WaitingCount
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    listeners: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(policy.EVENTS_AT_ONCE))
    """The places for listeners to events."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is told to stop: then streams to listeners end."""


def services_of(system: OrderSystem, temporal: Client, ui_url: str | None) -> Services:
    attention = system.attention_client(temporal)
    return Services(
        settings=system.settings,
        temporal=temporal,
        orders=system.client(temporal),
        batches=system.batch_client(temporal),
        attention=attention,
        waiting=WaitingCount(attention),
        forgetting=system.forgetting(temporal),
        book=system.book,
        lists=OrderLists(system.book, temporal, system.task_queue),
        files=system.files,
        links=UiLinks(ui_url, temporal.namespace),
    )


def _given(request: Request) -> Services:
    return request.app.state.services


Given = Annotated[Services, Depends(_given)]

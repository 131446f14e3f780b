"""What routes work with. They get it from the app's state, by `Given`; nothing in `web/` opens anything."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from temporalio.client import Client

from order_system.attention.client import AttentionClient
from order_system.batches.client import BatchClient
from order_system.batches.files import OrderFiles
from order_system.bootstrap import OrderSystem
from order_system.domain.listing import OrderListing
from order_system.infra.settings import Settings
from order_system.infra.temporal.ui_links import UiLinks
from order_system.orders.client import OrderClient
from order_system.orders.lists import OrderLists
from order_system.web import policy


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    settings: Settings
    temporal: Client
    orders: OrderClient
    batches: BatchClient
    attention: AttentionClient
    listing: OrderListing
    lists: OrderLists
    files: OrderFiles
    links: UiLinks
    now: Callable[[], datetime] = _now
    listeners: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(policy.EVENTS_AT_ONCE))
    """Places for those who listen to events."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is told to stop: whoever streams to a listener ends."""


def services_of(system: OrderSystem, temporal: Client, ui_url: str | None) -> Services:
    return Services(
        settings=system.settings,
        temporal=temporal,
        orders=system.client(temporal),
        batches=system.batch_client(temporal),
        attention=system.attention_client(temporal),
        listing=system.listing,
        lists=OrderLists(system.listing, temporal, system.task_queue),
        files=system.files,
        links=UiLinks(ui_url, temporal.namespace),
    )


def _given(request: Request) -> Services:
    return request.app.state.services


Given = Annotated[Services, Depends(_given)]
"""A route's parameter: `services: Given`."""

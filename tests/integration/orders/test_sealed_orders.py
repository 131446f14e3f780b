"""With ORDER_KEYS set, orders that fail are told as without, and the Temporal server has no word of them."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.common import RetryPolicy

from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain import policy
from order_system.domain.answers import Remedy
from order_system.domain.errors import KeyTrouble, NotReached, ShippingRefused
from order_system.domain.ids import step_workflow_id
from order_system.domain.order import Address, Customer, Order
from order_system.domain.steps import Step
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import describe
from order_system.orders.client import OrderClient
from tests.fixtures.shops.sealed import a_key, connected_by
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import (
    WAIT_SECONDS,
    an_order_stuck_at,
    ended,
    has_been_tried,
    resolution,
    resolve,
    stuck,
)
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually

HOUR = timedelta(hours=1)
CHANGES = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z?|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=_ms\": )\d+|(?<=_)[0-9a-f]{16,}|test-\d+|"
    r"(?<=\bfor )[\d.]+ s"
)
"""Moments, run IDs, how long it took, names that gateways make up, and task queues."""


@pytest.fixture(autouse=True)
def waiting_soon_and_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on unless the test wants it."""
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=HOUR))
    monkeypatch.setattr(infra_policy, "STEP_TAKES_LONG", timedelta())
    retry_effects(monkeypatch, replace(policy.EFFECT_RETRY, initial_interval=HOUR, maximum_interval=HOUR))


class Words:
    """What nobody has said before, and the customer does not want to be kept elsewhere."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def new(self, what: str) -> str:
        self.said.append(f"{what}{uuid4().hex[:12]}")
        return self.said[-1]

    def order(self, name: str, **changes: Any) -> Order:
        where = Address(
            street=self.new("Street"), city=self.new("City"), region="OR", postal_code="97201", country="US"
        )
        whom = Customer(name=self.new("Ada"), email=f"{self.new('mail')}@example.com")
        asked = changes or {"payment_method": self.new("pm_")}
        return an_order(f"{name}-{uuid4().hex[:8]}", customer=whom, shipping_address=where, **asked)

    def masked(self, documents: Sequence[Any], besides: Iterable[str]) -> str:
        told = json.dumps(documents, indent=1)
        for number, word in enumerate([*self.said, *besides]):
            told = told.replace(word, f"<{number}>")
        return CHANGES.sub("<...>", told)


class Story:
    """Three orders that fail, and what is told of them on the way."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.words, self.told = shop, Words(), list[Any]()
        self.declined = self.words.order("DECLINED", payment_method="pm_card_declined")
        self.undone = self.words.order("UNDONE")
        self.kept = self.words.order("KEPT")
        self.orders = (self.declined, self.undone, self.kept)
        away, stuck_at = self.words.new("away "), self.words.new("bank ")
        shop.stage.fail("before dispatch", lambda: ShippingRefused(self.words.said[0]))
        shop.stage.fail("before refund", lambda: NotReached(stuck_at))
        self.fail_reserve = partial(shop.stage.fail, "before reserve", lambda: NotReached(away))

    async def fail(self) -> None:
        """One has failed, one's refund is stuck, and one cannot reserve its stock."""
        async with self.shop.open():
            await self.shop.client.submit(self.declined)
            await ended(self.shop, self.shop.handle(self.declined))
            await self.shop.client.submit(self.undone)
            await stuck(self.shop, self.undone, Step.PAYMENT)
            await has_been_tried(self.shop.handle(self.undone))
            self.fail_reserve()
            await self.shop.client.submit(self.kept)
            await eventually(self._tried, WAIT_SECONDS, "the reservation to be tried")
            await self.listen()

    async def end(self) -> None:
        """The one by a person's answer, the other since its child is cancelled."""
        shop, note, who = self.shop, self.words.new("by hand, "), self.words.new("desk")
        shop.stage.mend()
        async with shop.open():
            step = step_workflow_id(Step.INVENTORY, self.kept.order_id)
            await shop.temporal.get_workflow_handle(step).cancel()
            handled = resolution(Step.PAYMENT, Remedy.HANDLED, note=note, who=who)
            await resolve(shop.handle(self.undone), handled)
            for order in (self.undone, self.kept):
                await ended(shop, shop.handle(order))
            await self.listen()

    async def _tried(self) -> bool:
        child = await describe(self.shop.temporal, step_workflow_id(Step.INVENTORY, self.kept.order_id))
        pending = child.raw_description.pending_activities if child else ()
        return any(activity.last_failure.message for activity in pending)

    async def listen(self) -> None:
        """As `status --json`, `attention --json` and `audit --json` tell it."""
        documents = [await self.shop.client.status(order.order_id) for order in self.orders]
        expected = {order.order_id for order in documents if not order.closed}
        waiting = list[Concern]()

        async def all_are_listed() -> bool:
            waiting[:] = [each async for each in self.shop.attention.attention(slow_after=timedelta())]
            return {each.order_id for each in waiting if each.order_id} == expected

        await eventually(all_are_listed, WAIT_SECONDS, f"{expected} to be listed")
        report = await self.shop.audit()
        self.told += [each.model_dump(mode="json") for each in (*documents, *waiting, report)]

    @property
    def said(self) -> str:
        """Without what differs from one play to the next."""
        return self.words.masked(self.told, [order.order_id for order in self.orders])


def all_of(server: EmbeddedServer) -> bytes:
    """What it keeps: histories, what is pending, memos, summaries and lists."""
    return b"".join(file.read_bytes() for file in server.data_dir.glob("temporal.db*"))


@pytest.fixture
async def shops(
    client: Client,
    dev_server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
    sqlite_template: Path,
    tmp_path: Path,
) -> AsyncIterator[tuple[Shop, Shop]]:
    """One without a key and one with, each with a book of its own."""
    sealing = await connected_by(monkeypatch, a_key("2026-11"), dev_server.address)
    books = [Database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / name)}") for name in "12"]
    yield Shop(books[0], client), Shop(books[1], sealing)
    for book in books:
        await book.dispose()


async def test_orders_that_fail_are_told_alike_and_the_server_holds_no_word_of_sealed_ones(
    shops: tuple[Shop, Shop], dev_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear, sealed = map(Story, shops)

    await asyncio.gather(clear.fail(), sealed.fail())
    with monkeypatch.context() as hasty:  # no worker is there that could answer
        hasty.setattr(infra_policy, "QUERY", timedelta(milliseconds=200))
        hasty.setattr(infra_policy, "WORKER_HEARD", timedelta(milliseconds=200))
        await asyncio.gather(clear.listen(), sealed.listen())
    kept = all_of(dev_server)  # the failure of what is tried is forgotten afterwards
    await asyncio.gather(clear.end(), sealed.end())

    assert sealed.said == clear.said
    kept += all_of(dev_server)
    assert [word for word in clear.words.said if word.encode() not in kept] == [], "else this looks in vain"
    assert [word for word in sealed.words.said if word.encode() in kept] == []


async def test_without_keys_the_cure_is_told(shops: tuple[Shop, Shop]) -> None:
    without, sealed = shops
    order = an_order(payment_method="pm_card_declined")
    async with sealed.open():
        await sealed.client.submit(order)
        await ended(sealed, sealed.handle(order))

        with pytest.raises(KeyTrouble, match="key 2026-11, and ORDER_KEYS is not set here: set it as"):
            await without.client.status(order.order_id)


async def test_who_lacks_the_key_of_some_orders_sees_all_that_waits_but_for_the_customers(
    shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "BOOKS_DIFFER_AFTER", timedelta())
    without, sealed = shops
    asked = (sealed.book, sealed.abandoned, sealed.schedule)
    attention = type(sealed.attention)(without.temporal, *asked, task_queue=sealed.task_queue)
    held = an_order(hold_on_failure=HOUR)
    sealed.stage.fail("before dispatch", lambda: ShippingRefused("on strike"))
    async with sealed.open():
        undone, _ = await an_order_stuck_at(sealed, Step.PAYMENT)
        await sealed.client.submit(held)
        waiting = dict[str | None, Concern]()

        async def are_listed() -> bool:
            waiting.update({each.order_id: each async for each in attention.attention()})
            return {undone.order_id, held.order_id} == {*waiting}

        await eventually(are_listed, WAIT_SECONDS, "both to be listed")
        for order in (undone, held):
            await sealed.handle(order).terminate()

    stuck_at, held_at = waiting[undone.order_id], waiting[held.order_id]
    assert (stuck_at.kind, stuck_at.amount, stuck_at.customer) == (ConcernKind.STUCK_UNDO, "1059.97", None)
    assert held_at.kind is ConcernKind.HELD
    assert "key 2026-11, and ORDER_KEYS is not set here" in held_at.reason


async def test_an_order_whose_key_its_worker_lacks_is_stuck_on_a_key_and_not_on_a_bug(
    shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "BOOKS_DIFFER_AFTER", timedelta())
    without, sealed = shops
    without.client, order = (
        OrderClient(sealed.temporal, without.book, task_queue=without.task_queue),
        an_order(),
    )
    found: list[Concern] = []
    async with without.open():
        await without.client.submit(order)

        async def is_listed() -> bool:
            found[:] = [each async for each in without.attention.attention()]
            return bool(found)

        await eventually(is_listed, WAIT_SECONDS, "the order to be listed")
    await sealed.handle(order).terminate()
    [stuck_at] = found
    assert (stuck_at.words, stuck_at.order_id) == ("stuck on a key", order.order_id)
    assert "KeyTrouble: this is sealed by key 2026-11, and ORDER_KEYS is not set here" in stuck_at.reason
    assert "put the key that it names into ORDER_KEYS" in (stuck_at.cure or "")

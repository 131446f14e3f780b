"""Each guard taken away, one at a time: the audit must turn red, or it would not see a real bug either."""

import asyncio
from typing import Any

import pytest

from activities.payment import PaymentActivities
from order_system.audit.report import audit
from order_system.book import order_book
from order_system.book.entries import Entries
from order_system.domain.book import EffectState, JournalEntry
from order_system.domain.errors import AnswerLost, Fenced
from order_system.domain.gateways import Statement
from order_system.domain.order import PaymentReceipt
from order_system.domain.steps import Effect
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.fixtures.shops.activity_calls import (
    inventory_request,
    payment_request,
    run_activity,
    shipping_request,
    undo_request,
)
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import an_order
from tests.fixtures.shops.stage import PATIENCE_SECONDS, Staged


async def broken_checks(parts: Parts) -> set[str]:
    return {check.name for check in (await parts.audit()).checks if not check.holds}


async def test_no_fence(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A charge is stalled before its claim until after the fence, and claims all the same."""
    real_claim = Entries.claim

    def claim_regardless(ours: Entries, effect: Effect, *args: Any) -> JournalEntry:
        try:
            return real_claim(ours, effect, *args)
        except Fenced:
            return JournalEntry(effect, EffectState.CLAIMED, 1, 1)

    monkeypatch.setattr(Entries, "claim", claim_regardless)
    order = an_order()
    stalled = parts.stage.hold("before open charge")
    charge = asyncio.create_task(run_activity(parts.payment.charge, payment_request(order)))
    await stalled.reached()
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order))
    stalled.let_go()
    await asyncio.wait([charge], timeout=PATIENCE_SECONDS)
    assert isinstance(charge.exception(), Fenced), "the record is refused, but the money is gone"
    assert await broken_checks(parts)


class ForgetfulGateway:
    """Keeps no key unique: each call is charged on an account of its own."""

    def __init__(self, worlds: list[SimulatedWorld]) -> None:
        self._unused = list(worlds)

    async def charge(self, key: str, **request: Any) -> PaymentReceipt:
        return await self._unused.pop().payments.charge(key, **request)


async def test_no_unique_key_in_the_world(parts: Parts, sqlite_url: str, database: Database) -> None:
    second = Database(sqlite_url.replace("orders.db", "second.db"))
    await second.prepare()
    worlds = [parts.world, SimulatedWorld(second)]
    payment = PaymentActivities(parts.book, Staged(ForgetfulGateway(worlds), parts.stage))  # pyright: ignore
    parts.stage.answer_lost("charge", times=1)
    order = an_order()
    with pytest.raises(AnswerLost):
        await run_activity(payment.charge, payment_request(order))
    await run_activity(payment.charge, payment_request(order))

    first, other = [await world.statement() for world in worlds]
    await second.dispose()
    both = Statement(
        first.charges + other.charges, first.reservations, first.shipments, first.notices, first.stock
    )
    assert not audit(await parts.book.ledger(), both).clean


async def test_a_refund_before_shippings_answer(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_book, "GIVEN_BACK", {})
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    parts.stage.answer_lost("dispatch", times=1)
    with pytest.raises(AnswerLost):
        await run_activity(parts.shipping.dispatch, shipping_request(order))
    await run_activity(parts.payment.refund, undo_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    assert await broken_checks(parts)

"""Fifty orders paid by Stripe in rough weather, their worker killed: Stripe's lists equal the book."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from order_system.audit.report import audit
from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.order import Capture, FirstAttempts, Order, OrderLine, PaymentReceipt
from order_system.domain.steps import Effect
from order_system.gateways.simulated.behaviours import OUT_OF_STOCK
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.gateways.stripe.payments import StripeSettings, payments
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from tests.fixtures.peers.stripe import API_KEY, FakeStripe, fake_stripe
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually

ORDERS = 50
SECONDS = 180
ON_DISPATCH, AUTHORISED = 1, 2
"""Which ten; the others are charged at once."""


async def fifty(fake: FakeStripe) -> AsyncIterator[Order]:
    """Of ten: six go well, one each is declined, would have to be confirmed, has no stock, has no address. Of
    each of these, some are charged at once, some are captured on dispatch, and of some, whose card is a good
    one, a checkout has authorised it; and some make their first attempts as local activities."""
    card_to_confirm = await fake.card("4000002500003155")
    for number in range(ORDERS):
        first = tuple(FirstAttempts)[(number + number // 10) % 2]
        order = an_order(
            f"STRIPE-{number:02d}", payment_method="pm_card_visa", tax=number, first_attempts=first
        )
        if number // 10 == ON_DISPATCH:
            order = order.model_copy(update={"capture": Capture.ON_DISPATCH})
        match number % 10:
            case 6:
                order = order.model_copy(update={"payment_method": "pm_card_chargeCustomerFail"})
            case 7:
                order = order.model_copy(update={"payment_method": card_to_confirm})
            case 8:
                line = OrderLine(sku=OUT_OF_STOCK, quantity=1, unit_price=777)
                order = order.model_copy(update={"lines": (*order.lines, line)})
            case 9:
                nowhere = order.shipping_address.model_copy(update={"postal_code": "00000"})
                order = order.model_copy(update={"shipping_address": nowhere})
            case _:
                pass
        if number // 10 == AUTHORISED and number % 10 not in (6, 7):
            reference = await fake.authorised(order.total)
            order = order.model_copy(update={"payment_method": f"authorised:{reference}"})
        yield order


@pytest.mark.long
async def test_fifty_orders_with_lost_answers_and_a_killed_worker_agree_to_the_cent(
    client: Client, dev_server: EmbeddedServer, sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    book, log, queue = SqlOrderBook(sqlite_database), tmp_path / "worker.log", f"stripe-{tmp_path.name}"
    async with fake_stripe("rough") as fake:
        environment = {
            "TEMPORAL_ADDRESS": dev_server.address,
            "ORDER_DATABASE_URL": sqlite_url,
            "ORDER_TASK_QUEUE": queue,
            "ORDER_FAULTS": "none",
            "ORDER_LATENCY_MIN": "0",
            "ORDER_LATENCY_MAX": "0.02",
            **fake.environment,
        }
        orders = {order.order_id: order async for order in fifty(fake)}
        async with worker_process(log, **environment) as worker:
            *others, last = orders.values()
            for order in others:
                await OrderClient(client, book, task_queue=queue).submit(order)

            async def some_paid() -> bool:
                return len(await fake.all_of("charges")) >= ORDERS // 2

            await eventually(some_paid, SECONDS, "half of the payments, with what a checkout has authorised")
            await OrderClient(client, book, task_queue=queue).submit(last)  # so that one is under way
            worker.kill()
            await worker.wait()
        assert await _closed(book, orders) < ORDERS
        async with worker_process(log, **environment):

            async def all_closed() -> bool:
                return await _closed(book, orders) == ORDERS

            await eventually(all_closed, SECONDS, "all orders to be decided")

        met = await fake.meets()
        assert {"before", "after", "stored 500"} <= met.keys()
        assert await _by_stripe(fake) == await _by_the_book(book, orders)
        statuses = {each["status"] for each in await fake.all_of("payment_intents")}
        assert statuses <= {"succeeded", "canceled", "requires_payment_method"}, "nothing is held any more"
        assert API_KEY not in log.read_text()
        settings = StripeSettings(api_key=SecretStr(API_KEY), url=fake.url)
        async with payments(settings) as stripe:
            world = await SimulatedWorld(sqlite_database).statement()
            by_stripe = await stripe.statement()
        money = {"charges": by_stripe.charges, "authorisations": by_stripe.authorisations}
        for statement in (by_stripe, replace(world, **money)):
            report = audit(await book.ledger(), statement)
            assert [each for check in report.checks for each in check.violations] == []


async def _closed(book: SqlOrderBook, orders: dict[str, Order]) -> int:
    return sum(each.status is not SubmissionStatus.OPEN for each in (await book.find(list(orders))).values())


async def _by_stripe(fake: FakeStripe) -> dict[str, tuple[int, int]]:
    """Key -> what Stripe has taken and given back, from its own lists."""
    keys = {each["id"]: each["metadata"]["order_key"] for each in await fake.all_of("payment_intents")}
    amounts: dict[str, tuple[int, int]] = {}
    for charge in await fake.all_of("charges"):
        if charge["status"] == "succeeded" and charge["captured"]:
            key = keys[charge["payment_intent"]]
            assert key not in amounts, f"{key} was charged twice"
            amounts[key] = (charge["amount"], 0)
            keys[charge["id"]] = key
    for refund in await fake.all_of("refunds"):
        key = keys[refund["payment_intent"]]
        amounts[key] = (amounts[key][0], amounts[key][1] + refund["amount"])
    return amounts


async def _by_the_book(book: SqlOrderBook, orders: dict[str, Order]) -> dict[str, tuple[int, int]]:
    amounts: dict[str, tuple[int, int]] = {}
    for order_id, record in (await book.find(list(orders))).items():
        journal = await book.journal(record.ref)
        charge = journal[Effect.CHARGE]
        taken_by = journal.get(Effect.CAPTURE, charge)
        number = int(order_id.removeprefix("STRIPE-")) % 10
        assert (record.status is SubmissionStatus.FULFILLED) == (number < 6), order_id
        assert (charge.receipt is None) == (number in (6, 7)), order_id
        if taken_by.receipt:
            taken = PaymentReceipt.model_validate(taken_by.receipt).amount
            assert taken == orders[order_id].total
            amounts[str(record.ref.key(Effect.CHARGE))] = (
                taken,
                taken if charge.state is EffectState.UNDONE else 0,
            )
    assert len(amounts) == 3 * 8 + 2 * 6, "what is captured on dispatch is never given back"
    return amounts

"""Records one history of each way an order can end, and of a batch: `python -m tests.replay.record [names]`.

Run it when a *new* workflow or path is released, never to make a red replay test green: a history that no
longer replays means that orders under way would break. Then `workflow.patched` is what is needed.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from order_system.domain.answers import (
    AnsweredAs,
    AnswerRecord,
    GiveUp,
    ParcelFate,
    Remedy,
    Resolution,
    StepRetry,
)
from order_system.domain.batch import BatchRequest
from order_system.domain.errors import OutOfStock, PaymentDeclined, ShippingRefused
from order_system.domain.ids import RECONCILIATION, batch_workflow_id, order_workflow_id, step_workflow_id
from order_system.domain.order import Order
from order_system.domain.reconciliation import AbandonedAnswer
from order_system.domain.steps import Step
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.shops.abandoned import terminated_at
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

HISTORIES = Path(__file__).parent / "histories"
MACHINE_DETAILS = {"stackTrace", "identity"}
"""Paths and names of the machine that recorded are nobody's business, and replay does not read them.
`sdkMetadata` must stay: without its flags the SDK does not compare IDs and types."""

Story = Callable[[Shop, Order], Awaitable[None]]


async def fulfilled(shop: Shop, order: Order) -> None:
    await ended(shop, order)


async def payment_declined(shop: Shop, order: Order) -> None:
    shop.stage.fail("before charge", lambda: PaymentDeclined("no"))
    await ended(shop, order)


async def out_of_stock(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    await ended(shop, order)


async def shipping_refused(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    await ended(shop, order)


async def already_dispatched(shop: Shop, order: Order) -> None:
    shop.stage.answer_lost("dispatch", times=6)
    await ended(shop, order)


async def notice_failed(shop: Shop, order: Order) -> None:
    shop.stage.unreachable("send")
    await ended(shop, order)


async def cancelled(shop: Shop, order: Order) -> None:
    await cancelled_at("before reserve", shop, order)


async def cancelled_too_late(shop: Shop, order: Order) -> None:
    await cancelled_at("before send", shop, order)


async def undo_was_stuck(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    handle = await shop.start(order)
    await needs_attention(shop, order)
    shop.stage.mend()
    await shop.ended(handle)


async def undo_was_retried_and_then_handled(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    handle = await shop.start(order)
    for remedy in (Remedy.RETRY, Remedy.HANDLED):
        await needs_attention(shop, order)
        answer = Resolution(who="ada@desk-1", note="refunded by hand", step=Step.PAYMENT, remedy=remedy)
        await handle.execute_update(OrderFulfillmentWorkflow.resolve, answer)
    await shop.ended(handle)


async def dispatched_by_hand(shop: Shop, order: Order) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("void")
    handle = await shop.start(order)
    await needs_attention(shop, order)
    answer = Resolution(
        who="ada@desk-1",
        note="brought it there myself",
        step=Step.SHIPPING,
        remedy=Remedy.HANDLED,
        parcel=ParcelFate.DISPATCHED,
    )
    await handle.execute_update(OrderFulfillmentWorkflow.resolve, answer)
    await shop.ended(handle)


async def held_and_retried(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"), times=1)
    handle = await shop.start(order.model_copy(update={"hold_on_failure": timedelta(days=2)}))
    await needs_attention(shop, order)
    await handle.execute_update(OrderFulfillmentWorkflow.retry_step, StepRetry(who="ada@desk-1"))
    await shop.ended(handle)


async def held_and_given_up(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    handle = await shop.start(order.model_copy(update={"hold_on_failure": timedelta(days=2)}))
    await needs_attention(shop, order)
    await handle.execute_update(OrderFulfillmentWorkflow.give_up, GiveUp(who="ada@desk-1"))
    await shop.ended(handle)


async def hold_ran_out(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    await shop.ended(await shop.start(order.model_copy(update={"hold_on_failure": timedelta(seconds=1)})))


async def cancelled_while_held(shop: Shop, order: Order) -> None:
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    handle = await shop.start(order.model_copy(update={"hold_on_failure": timedelta(days=2)}))
    await needs_attention(shop, order)
    await handle.cancel()
    await shop.ended(handle)


async def needs_attention(shop: Shop, order: Order) -> None:
    async def waits() -> bool:
        return (await shop.client.status(order.order_id)).status == "needs_attention"

    await eventually(waits, 60, "the order to need attention")


async def settled_an_older_submission(shop: Shop, order: Order) -> None:
    hold = shop.stage.hold("after reserve")
    handle = await shop.start(order)
    await hold.reached()
    await handle.terminate()
    hold.let_go()
    await ended(shop, order)


async def reconciled(shop: Shop, order: Order) -> None:
    hold = shop.stage.hold("after reserve")
    handle = await shop.start(order)
    await hold.reached()
    await handle.terminate()
    hold.let_go()
    await shop.reconcile(run=order.order_id)


async def fulfilled_before(shop: Shop, order: Order) -> None:
    await ended(shop, order)
    await ended(shop, order)


async def cancelled_at(point: str, shop: Shop, order: Order) -> None:
    hold = shop.stage.hold(point)
    handle = await shop.start(order)
    await hold.reached()
    await handle.cancel()
    hold.let_go()
    await shop.ended(handle)


async def told_by_the_reconciler(shop: Shop, order: Order) -> None:
    await terminated_at(shop, "after reserve", order)
    await shop.reconcile(run=order.order_id)


async def answered_when_it_was_gone(shop: Shop, order: Order) -> None:
    await terminated_at(shop, "after reserve", order)
    shop.stage.unreachable("refund")
    await shop.reconcile(run=f"{order.order_id}-first")
    ref = (await shop.book.find([order.order_id]))[order.order_id].ref
    answer = AnswerRecord(
        answer_id="1",
        at=datetime.now(UTC),
        who="ada@desk-1",
        note="refunded by hand",
        step=Step.PAYMENT,
        answer=AnsweredAs.HANDLED,
    )
    await shop.reconcile(run=order.order_id, only=AbandonedAnswer(submission=ref, answer=answer))


async def ended(shop: Shop, order: Order) -> None:
    await shop.ended(await shop.start(order))


STORIES: list[Story] = [
    fulfilled,
    payment_declined,
    out_of_stock,
    shipping_refused,
    already_dispatched,
    notice_failed,
    cancelled,
    cancelled_too_late,
    undo_was_stuck,
    undo_was_retried_and_then_handled,
    dispatched_by_hand,
    held_and_retried,
    held_and_given_up,
    hold_ran_out,
    cancelled_while_held,
    settled_an_older_submission,
    fulfilled_before,
    reconciled,
    told_by_the_reconciler,
    answered_when_it_was_gone,
]


BATCH = "batch"


async def record_batch(database: Database, temporal: Client, folder: Path) -> None:
    """Ten orders with a conflict, a declined one and a rejected row, continued as new on the way."""
    shop, name = BatchShop(database, temporal, folder), "recorded"
    ids = [f"RECORDED-{number:02d}" for number in range(10)]
    rows = [
        row(order_id, card="pm_card_declined" if order_id == ids[3] else "pm_card_ok") for order_id in ids
    ]
    rows.insert(5, row("RECORDED-BAD", quantity="0"))
    with contextlib.chdir(folder):  # so that the history holds the file's name, and not where it was
        async with shop.open():
            earlier = write_orders(Path("earlier.csv"), [row(ids[1], quantity="2")])
            await shop.run(await shop.request("earlier", earlier))
            file = (await shop.request(name, write_orders(Path("orders.csv"), rows))).file
            await shop.run(
                BatchRequest(
                    name=name,
                    file=file.model_copy(update={"url": "orders.csv"}),
                    window=2,
                    page_bytes=500,
                    continue_after_events=40,
                )
            )
    await save(BATCH, temporal, [batch_workflow_id(name)])


async def record(story: Story, shop: Shop) -> None:
    order = an_order(f"RECORDED-{story.__name__.upper().replace('_', '-')}")
    async with shop.open():
        await story(shop, order)
    ids = [order_workflow_id(order.order_id), *(step_workflow_id(step, order.order_id) for step in Step)]
    ids.append(f"{RECONCILIATION}-{order.order_id}")
    await save(story.__name__, shop.temporal, ids)


async def save(name: str, temporal: Client, workflow_ids: list[str]) -> None:
    recorded: dict[str, Any] = {}
    async for found in temporal.list_workflows(f"WorkflowId IN ({', '.join(map(repr, workflow_ids))})"):
        handle = temporal.get_workflow_handle(found.id, run_id=found.run_id)
        history = json.loads((await handle.fetch_history()).to_json())
        recorded[f"{found.id}/{found.run_id}"] = without_machine_details(history)
    (HISTORIES / f"{name}.json").write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


def without_machine_details(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_machine_details(inner) for key, inner in value.items() if key not in MACHINE_DETAILS
        }
    if isinstance(value, list):
        return [without_machine_details(inner) for inner in value]
    return value


async def main(names: list[str]) -> None:
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/orders.db")
        await database.prepare()
        async with EmbeddedServer(Path(folder), port=0, ui_port=0, headless=True) as server:
            for story in STORIES:
                if not names or story.__name__ in names:
                    print(story.__name__)  # noqa: T201
                    await record(story, Shop(database, await connect(server.address)))
            if not names or BATCH in names:
                print(BATCH)  # noqa: T201
                await record_batch(database, await connect(server.address), Path(folder))
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

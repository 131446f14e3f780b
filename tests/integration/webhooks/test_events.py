"""What happens to orders and batches is told outside: once, signed, and without the customer."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from httpx import ASGITransport, AsyncClient
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import RetryPolicy

from order_system.attention.announcing import Announcements
from order_system.attention.chosen import Action, Chosen
from order_system.attention.concerns import Concern, ConcernKind
from order_system.attention.what_waits import sums_of
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.domain import policy
from order_system.domain.answers import GiveUp
from order_system.domain.batch import BatchRequest
from order_system.domain.errors import AnswerRefused
from order_system.domain.ids import order_workflow_id, webhook_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Address, Customer
from order_system.domain.webhooks import Event, EventType
from order_system.infra.settings import Settings
from order_system.web.app import create_app
from order_system.web.services import services_of
from tests.fixtures.peers.receiver import SECRET, Receiver
from tests.fixtures.shops.batch_shop import row, write_orders
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from workflows.webhook import WebhookWorkflow

SECONDS = 180


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.there():
        yield receiver


@asynccontextmanager
async def at_work(
    client: Client, sqlite_url: str, tmp_path: Path, receiver: Receiver | None
) -> AsyncIterator[OrderSystem]:
    settings = Settings(
        database_url=sqlite_url,
        task_queue=f"webhooks-{tmp_path.name}",
        file_roots=(str(tmp_path),),
        faults="none",
        latency_min=0,
        latency_max=0,
        webhooks_url=receiver and receiver.url,  # pyright: ignore[reportArgumentType]
        webhooks_secret=SECRET,  # pyright: ignore[reportArgumentType]
    )
    async with open_order_system(settings) as system, system.worker(client):
        yield system


async def ended(system: OrderSystem, client: Client, order_id: str) -> OrderStatus:
    async with asyncio.timeout(SECONDS):
        async for documents in system.client(client).watch([order_id]):
            last = documents[order_id]
    return last.status


async def reconciled(system: OrderSystem, client: Client) -> None:
    runs = system.reconciler(client)
    async with asyncio.timeout(SECONDS):
        await runs.report(await runs.start())


@pytest.fixture
def dying_announcements(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The first attempt to announce an order's end dies before that, and the second one after. Nothing tries
    the activity again, as of a workflow that is terminated just then: only the reconciler looks."""
    announce, calls = Announcements._announce, Counter[str]()  # pyright: ignore[reportPrivateUsage]

    async def dying(self: Announcements, what: EventType, *told: Any) -> None:
        lasts = what in (EventType.NEEDS_ATTENTION, EventType.BATCH_FINISHED)
        calls[str(told[2:])] += 1
        if not lasts and calls[str(told[2:])] == 1:
            raise OSError("killed before the event was started")
        await announce(self, what, *told)
        if not lasts and calls[str(told[2:])] == 2:
            raise OSError("killed after the event was started")

    monkeypatch.setattr(Announcements, "_announce", dying)
    yield calls
    assert max(calls.values()) >= 3


@pytest.mark.usefixtures("dying_announcements")
async def test_each_end_is_told_once_and_nothing_of_the_customer(
    client: Client, sqlite_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    who = Customer(name="Canary Nightingale", email="canary@nightingale.example")
    where = Address(street="Canary Row 7", city="Finchley", region="CN", postal_code="N3 3AA", country="GB")

    def order(**changes: Any) -> Any:
        return an_order(customer=who, shipping_address=where, **changes)

    fulfilled, declined = order(), order(payment_method="pm_card_declined")
    held, stopped, lost = (
        order(payment_method="pm_card_declined", hold_on_failure=timedelta(hours=1)) for _ in range(3)
    )
    file = write_orders(tmp_path / "orders.csv", [row("HOOK-1"), row("HOOK-2", card="pm_card_declined")])
    async with at_work(client, sqlite_url, tmp_path, receiver) as system:
        orders, batches = system.client(client), system.batch_client(client)
        for each in (fulfilled, declined, held, stopped, lost):
            await orders.submit(each)
        await batches.start(BatchRequest(name=tmp_path.name, file=await system.files.inspect(str(file))))
        assert await ended(system, client, fulfilled.order_id) is OrderStatus.FULFILLED
        assert await ended(system, client, declined.order_id) is OrderStatus.FAILED
        for each in (held, stopped, lost):
            assert await ended(system, client, each.order_id) is OrderStatus.NEEDS_ATTENTION
            await _seen_to_wait(system, client, each.order_id)
        waiting = {("order.needs_attention", each.order_id) for each in (held, stopped, lost)}
        await _until_told(system, client, receiver, waiting)
        await reconciled(system, client)  # it waits still, and has been told of
        await system.attention_client(client).answer(held.order_id, GiveUp(who="Ada", note=""))
        await orders.cancel(stopped.order_id)
        await client.get_workflow_handle(order_workflow_id(lost.order_id)).terminate()

        expected = waiting | {
            ("order.fulfilled", fulfilled.order_id),
            ("order.failed", declined.order_id),
            ("order.failed", held.order_id),
            ("order.cancelled", stopped.order_id),
            ("order.failed", lost.order_id),
            ("order.fulfilled", "HOOK-1"),
            ("order.failed", "HOOK-2"),
            ("batch.finished", tmp_path.name),
        }
        await _until_told(system, client, receiver, expected)
        made, _ = await system.book.history((await system.book.find(["HOOK-2"]))["HOOK-2"].ref)
        assert [each for each in made if "killed" in (each.said or "")] == [], "no undo has failed"

        async def none_is_left() -> bool:
            await reconciled(system, client)
            return await system.book.to_announce() == []

        await eventually(none_is_left, SECONDS, "the book to know that each end is announced")
    assert receiver.told() == expected
    assert (len(receiver.events), receiver.forged) == (len(expected), 0)
    told = {
        (event["type"], event["data"].get("order_id")): event["data"] for event in receiver.events.values()
    }
    paid = told["order.fulfilled", fulfilled.order_id]
    assert (paid["total"], paid["currency"], paid["status"]) == ("1059.97", "USD", "fulfilled")
    assert told["order.failed", declined.order_id]["failed_step"] == "payment"
    assert told["order.failed", lost.order_id]["status"] == "terminated"
    waits = told["order.needs_attention", held.order_id]
    assert (waits["status"], waits["kind"], waits["step"]) == ("needs_attention", "held", "payment")
    assert told["batch.finished", None]["counts"]["fulfilled"] == 1
    personal = {"Canary", "canary", "Nightingale", "Finchley", "N3 3AA", "pm_card"}
    assert [word for word in personal for body in receiver.bodies if word in body] == []


async def _until_told(system: OrderSystem, client: Client, receiver: Receiver, expected: set[Any]) -> None:
    """The reconciler runs each minute: what one run of it is too slow to find, the next one finds."""

    async def all_told() -> bool:
        await reconciled(system, client)
        return expected <= receiver.told()

    await eventually(all_told, SECONDS, f"these events: {expected}")


async def _seen_to_wait(system: OrderSystem, client: Client, order_id: str) -> None:
    """By a search on the server, which is a moment late."""

    async def listed() -> bool:
        waiting = [each.order_id async for each in system.attention_client(client).attention()]
        return order_id in waiting

    await eventually(listed, SECONDS, f"{order_id} to be listed")


async def test_what_is_not_delivered_waits_for_a_person_who_sends_it_again_or_drops_it(
    client: Client, sqlite_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    impatient = RetryPolicy(
        initial_interval=timedelta(milliseconds=20),
        maximum_attempts=3,
        non_retryable_error_types=policy.WEBHOOK_RETRY.non_retryable_error_types,
    )
    one, other = an_order(), an_order(payment_method="pm_card_declined")
    with patch.object(policy, "WEBHOOK_RETRY", impatient):
        async with (
            at_work(client, sqlite_url, tmp_path, receiver) as system,
            AsyncClient(
                transport=ASGITransport(create_app(services_of(system, client, None))),
                base_url="http://localhost",
            ) as browser,
        ):
            orders = system.client(client)

            async def undelivered(order_id: str) -> Concern:
                found: list[Concern] = []

                async def listed() -> bool:
                    waits = [each async for each in system.attention_client(client).attention()]
                    found[:] = [each for each in waits if each.order_id == order_id]
                    return len(found) == 1

                await eventually(listed, SECONDS, f"the event of {order_id} to be listed")
                [concern] = found
                assert concern.kind is ConcernKind.UNDELIVERED
                return concern

            receiver.answer = 500
            await orders.submit(one)
            concern = await undelivered(one.order_id)
            assert concern.reason.startswith(f"order.fulfilled {one.order_id}: ")
            assert "500" in concern.reason
            assert (concern.receipts, sums_of([concern])) == ((), ["1 event not delivered"])
            assert receiver.refused == 3
            event_id = concern.event_id or ""
            assert concern.commands[0].endswith(f"webhooks again {event_id}")
            await reconciled(system, client)  # which tells nobody outside that nobody outside was told
            receiver.answer = 204
            page = await browser.get("/attention")
            assert f'action="/webhooks/{event_id}/again"' in page.text
            said = await browser.post(f"/webhooks/{event_id}/again", headers={"Origin": "http://localhost"})
            assert said.headers["location"] == "/attention?said=event-again"
            await client.get_workflow_handle(webhook_workflow_id(event_id)).result()
            assert list(receiver.events) == [event_id]
            refused = await browser.post(f"/api/webhooks/{event_id}/again")
            assert (refused.status_code, "no event" in refused.text) == (409, True)

            receiver.answer = 410
            await orders.submit(other)
            concern = await undelivered(other.order_id)
            assert ("410" in concern.reason, receiver.refused) == (True, 4), "it is not asked again"
            chosen = Chosen(orders, system.attention_client(client), "Ada")
            for action in (Action.CANCEL, Action.GIVE_UP):
                told = await chosen.all_told([concern.choice], action)
                assert (told.accepted, told.refused) == (0, 1), "it is the event that was chosen"
            told = await chosen.all_told([concern.choice], Action.RETRY)
            assert told.rows[0].detail == "the event is sent again", "nobody is charged anew for its sake"

            async def sent_again() -> bool:
                return receiver.refused == 5

            await eventually(sent_again, SECONDS, "the event to be sent again")

            async def dropped_now() -> bool:
                answer = await browser.post(f"/api/webhooks/{dropped}/again", params={"drop": "true"})
                return answer.json()["detail"] == "it is dropped"

            dropped = concern.event_id or ""
            await eventually(dropped_now, SECONDS, "the event to wait for a person again, and to be dropped")

            handle = client.get_workflow_handle(webhook_workflow_id(dropped))
            assert (await handle.describe()).status is WorkflowExecutionStatus.TERMINATED
    assert list(receiver.events) == [event_id]


@pytest.mark.parametrize("again", [True, False])
async def test_an_event_that_is_still_tried_waits_for_no_answer(
    client: Client, sqlite_url: str, tmp_path: Path, again: bool
) -> None:
    event = Event(type=EventType.TEST, timestamp=datetime.now(UTC), data={}, which=(str(again),))
    sending = await client.start_workflow(
        WebhookWorkflow.run, event, id=webhook_workflow_id(event.id), task_queue="nobody-is-at-work"
    )
    async with at_work(client, sqlite_url, tmp_path, None) as system:
        with pytest.raises(AnswerRefused, match=f"{event.id} is still being tried"):
            await system.attention_client(client).answer_event(event.id, again=again)
    assert (await sending.describe()).status is WorkflowExecutionStatus.RUNNING
    await sending.terminate()


async def test_without_a_receiver_nothing_is_done(client: Client, sqlite_url: str, tmp_path: Path) -> None:
    file = write_orders(tmp_path / "orders.csv", [row("QUIET-1")])
    async with at_work(client, sqlite_url, tmp_path, None) as system:
        batches = system.batch_client(client)
        await batches.start(BatchRequest(name=tmp_path.name, file=await system.files.inspect(str(file))))
        async with asyncio.timeout(SECONDS):
            async for progress in batches.watch(tmp_path.name):
                last = progress
        await reconciled(system, client)
        queue = f"TaskQueue = '{system.task_queue}'"
        sent = await client.count_workflows(f"{queue} AND WorkflowType = 'WebhookWorkflow'")
        history = await client.get_workflow_handle(last.workflow_id).fetch_history()
    assert sent.count == 0
    assert "announce" not in json.dumps(history.to_json_dict())

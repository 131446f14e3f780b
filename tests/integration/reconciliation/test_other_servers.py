"""Two servers on one book: each touches its own, and a person may adopt what one that is gone has left."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from order_system.attention.concerns import Concern, ConcernKind
from order_system.book.order_book import SqlOrderBook
from order_system.book.reading import answers_of
from order_system.domain.book import Attempt, Server, SubmissionStatus
from order_system.domain.errors import AnswerRefused, InvalidUsage, ServerUnreachable
from order_system.domain.messages import Opening, OrderStatus
from order_system.domain.order import Order
from order_system.domain.steps import Effect, Step
from order_system.infra.temporal.servers import server_of
from order_system.orders.lists import OrderLists
from order_system.web.documents.orders import actions_of
from tests.fixtures.shops.abandoned import ended, said_to_be_abandoned, status_in_book
from tests.fixtures.shops.activity_calls import a_submission
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import resolution

GONE = "5eed0000-0000-4000-8000-000000000001"
"""Its namespace is called `default`, too."""
OPENED = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def opened_on(shop: Shop, server: Server) -> Order:
    """Its charge is claimed, and nothing has answered since."""
    order = an_order()

    async def there() -> Server:
        return server

    attempt = Attempt(started_at=OPENED, deadline=OPENED, namespace=server.namespace)
    opening = Opening(total=order.total, currency=order.currency)
    await SqlOrderBook(shop.book.database, there).open_and_claim(
        a_submission(order), Effect.CHARGE, attempt, opening
    )
    return order


async def of_other_servers(shop: Shop) -> list[Concern]:
    found = [each async for each in shop.attention.attention()]
    return [each for each in found if each.kind is ConcernKind.OTHER_SERVER]


async def test_another_servers_order_is_left_alone_listed_as_such_and_not_run_here(shop: Shop) -> None:
    order = await opened_on(shop, Server("default", GONE))
    told = await shop.client.status(order.order_id)
    assert (told.status, actions_of(told)) == (OrderStatus.RUNNING, ()), "nothing can be done about it here"
    with pytest.raises(ServerUnreachable, match="is open on another Temporal server"):
        await shop.client.cancel(order.order_id)
    async with shop.open():
        with pytest.raises(AnswerRefused, match="is an order of another Temporal server"):
            await shop.attention.answer(order.order_id, resolution(Step.PAYMENT))
        assert (await shop.reconcile()).submissions_looked_at == 0
        await shop.client.submit(order)
        assert await ended(shop, order) == OrderStatus.FAILED, "it is open elsewhere"
    assert await status_in_book(shop, order) == SubmissionStatus.OPEN
    assert (await shop.accounts(order)).charges == 0
    assert await said_to_be_abandoned(shop) == []
    [concern] = await of_other_servers(shop)
    assert (concern.server, concern.since) == (GONE, OPENED)
    assert "1 open" in concern.reason
    assert concern.commands == (f"python starter.py adopt {GONE}",)
    assert (concern.cure or "").endswith("could undo what the other does."), "and it is of no batch"


async def test_a_submission_knows_its_server_and_one_from_before_is_told_by_the_namespaces_name(
    shop: Shop,
) -> None:
    before, elsewhere = await opened_on(shop, Server("default")), await opened_on(shop, Server("sales"))
    now = an_order()
    async with shop.open():
        await shop.client.submit(now)
        assert await ended(shop, now) == OrderStatus.FULFILLED
        await shop.reconcile()
    known = await shop.book.find([now.order_id])
    assert known[now.order_id].namespace_id == (await server_of(shop.temporal)).namespace_id
    assert await status_in_book(shop, before) == SubmissionStatus.TERMINATED
    assert await status_in_book(shop, elsewhere) == SubmissionStatus.OPEN
    assert [concern.server for concern in await of_other_servers(shop)] == ["sales"]


async def test_adopted_on_a_persons_word_they_are_settled_here(shop: Shop) -> None:
    order = await opened_on(shop, Server("default", GONE))
    here = (await server_of(shop.temporal)).namespace_id
    assert here is not None
    for server, why in ((here, "the server that this command speaks to"), ("mistyped", GONE)):
        with pytest.raises(InvalidUsage, match=why):
            await shop.abandoned.adopt(server, who="ada@desk-1", note="")

    assert await shop.abandoned.adopt(GONE, who="ada@desk-1", note="file deleted") == 1

    assert await of_other_servers(shop) == []
    assert [answer.note for answer in await shop.book.database.read(answers_of, a_submission(order))] == [
        "file deleted"
    ]
    async with shop.open():
        await shop.reconcile()
    assert await status_in_book(shop, order) == SubmissionStatus.TERMINATED
    await shop.assert_clean()


async def test_what_became_of_an_adopted_order_is_its_status_although_it_was_refused_here_before(
    shop: Shop,
) -> None:
    order = await opened_on(shop, Server("default", GONE))
    async with shop.open():
        await shop.client.submit(order)
        assert await ended(shop, order) == OrderStatus.FAILED
        await shop.abandoned.adopt(GONE, who="ada@desk-1", note="")
        await shop.reconcile()
        told = await shop.client.status(order.order_id)
    assert told.status is OrderStatus.TERMINATED
    assert "OpenElsewhere" not in (told.reason or "")


async def test_what_has_just_been_opened_elsewhere_waits_for_nobody(shop: Shop) -> None:
    await opened_on(shop, Server("default", GONE))
    assert await shop.abandoned.stranded(older_than=datetime.now(UTC) - OPENED + timedelta(hours=1)) == []
    assert (await shop.attention.all_quiet()).endswith(". 1 order is open on another Temporal server.")
    assert [each.server for each in await shop.abandoned.stranded()] == [GONE]


async def test_an_order_that_another_server_has_only_accepted_is_not_lost_with_that_server(
    shop: Shop,
) -> None:
    async def there() -> Server:
        return Server("default", GONE)

    order, again = an_order(), an_order()
    for each in (order, again):
        ref = a_submission(each)
        await SqlOrderBook(shop.book.database, there).accept(ref.order_id, ref.submission, OPENED)
    lists = OrderLists(SqlOrderBook(shop.book.database), shop.temporal, shop.task_queue)

    async def listed() -> dict[str, str]:
        return {row.order_id: row.status for row in (await lists.orders()).rows}

    assert await listed() == {order.order_id: "running", again.order_id: "running"}
    told = await shop.client.status(order.order_id)
    assert (told.status, told.started_at) == (OrderStatus.RUNNING, OPENED)
    assert "open on another Temporal server" in (told.note or "")
    [concern] = await of_other_servers(shop)
    assert (concern.server, concern.since, concern.reason) == (
        GONE,
        OPENED,
        "2 open there, and not settled here",
    )

    async with shop.open():
        await shop.client.submit(again)
        assert await ended(shop, again) == OrderStatus.FULFILLED, "nothing stands against it"
        assert await shop.abandoned.adopt(GONE, who="ada@desk-1", note="file deleted") == 1
        await shop.reconcile()
    assert await of_other_servers(shop) == []
    assert await listed() == {order.order_id: "terminated", again.order_id: "fulfilled"}
    await shop.assert_clean()


async def test_a_server_that_does_not_tell_its_uuid_is_known_by_name(
    time_skipping_env: WorkflowEnvironment, client: Client
) -> None:
    assert (await server_of(time_skipping_env.client)).names[-1] == time_skipping_env.client.namespace
    assert len((await server_of(client)).names) == 2

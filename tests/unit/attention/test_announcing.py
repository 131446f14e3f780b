"""Whose end is announced: of each order that an activity may have closed, by the names the server knows; and
one of which nothing can be told holds up no other."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

from temporalio import activity
from temporalio.client import WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from activities.answers import AnswerActivities
from activities.reconciliation import ReconciliationActivities
from activities.shipping import ShippingActivities
from order_system.attention.announcing import (
    _MAY_CLOSE,  # pyright: ignore[reportPrivateUsage]
    Announcements,
)
from order_system.attention.concerns import Concern, ConcernKind
from order_system.batches.client import BatchClient
from order_system.book.order_book import SqlOrderBook
from order_system.domain.errors import NoWorkerAnswers
from order_system.domain.listing import OrderSummary, Page
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import UNDOS

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_each_activity_after_which_an_order_may_be_closed_is_called_so() -> None:
    owners = (AnswerActivities, ReconciliationActivities, ShippingActivities)
    methods = [getattr(owner, name) for owner in owners for name in dir(owner)]
    defined = {found.name for each in methods if (found := activity._Definition.from_callable(each))}  # pyright: ignore
    assert _MAY_CLOSE - {undo.activity for undo in UNDOS.values()} <= defined


async def _each(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def ended(order_id: str, status: OrderStatus) -> OrderSummary:
    return OrderSummary(order_id=order_id, submission=order_id, status=status, opened_at=NOW)


async def test_while_no_server_answers_a_run_asks_it_once() -> None:
    """Each call waits ten seconds for it."""
    book = MagicMock(spec=SqlOrderBook, book_id="b")
    book.to_announce.return_value = [ended(name, OrderStatus.FAILED) for name in "ABC"]
    gone = RPCError("tcp connect error", RPCStatusCode.UNAVAILABLE, b"")
    temporal = SimpleNamespace(start_workflow=AsyncMock(side_effect=gone))
    announcements = Announcements(
        temporal=temporal,  # pyright: ignore[reportArgumentType]
        task_queue="orders",
        book=book,
        attention=SimpleNamespace(),  # pyright: ignore[reportArgumentType]
        batches=MagicMock(spec=BatchClient),
    )
    await announcements._announce_what_lasts()  # pyright: ignore[reportPrivateUsage]

    assert temporal.start_workflow.await_count == 1
    book.announced.assert_not_called()


async def test_one_that_cannot_be_told_of_holds_up_no_other() -> None:
    def waits(order_id: str) -> Concern:
        return Concern(kind=ConcernKind.HELD, workflow_id=f"order-{order_id}", order_id=order_id, reason="")

    def closed(name: str) -> WorkflowExecution:
        return MagicMock(spec=WorkflowExecution, id=f"batch-{name}", run_id=name, close_time=NOW)

    async def found(wanted: Any) -> Page[OrderSummary]:
        if wanted.order_ids == ["W1"]:
            raise ValueError("the book says what nobody understands")
        return Page((), None)

    async def progress(name: str) -> Any:
        if name == "bad":
            raise NoWorkerAnswers("its history does not replay")
        return MagicMock(model_dump=lambda **_: {"status": "finished"})

    book = MagicMock(spec=SqlOrderBook, book_id="b", announced=AsyncMock(), orders=found)
    # Of the first nobody knows yet how such an end is called.
    book.to_announce.return_value = [ended("A", OrderStatus.RUNNING), ended("B", OrderStatus.FAILED)]
    temporal = SimpleNamespace(
        start_workflow=AsyncMock(), list_workflows=lambda *_, **__: _each(closed("bad"), closed("good"))
    )
    announcements = Announcements(
        temporal=temporal,  # pyright: ignore[reportArgumentType]
        task_queue="orders",
        book=book,
        attention=SimpleNamespace(attention=lambda: _each(waits("W1"), waits("W2"))),  # pyright: ignore
        batches=MagicMock(spec=BatchClient, progress=progress),
    )
    await announcements._announce_what_lasts()  # pyright: ignore[reportPrivateUsage]

    told = [call.kwargs["static_summary"] for call in temporal.start_workflow.await_args_list]
    assert told == ["order.failed B", "order.needs_attention W2", "batch.finished good"]
    assert [call.args[0].order_id for call in book.announced.await_args_list] == ["B"]

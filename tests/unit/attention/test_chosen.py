"""What is done with an order that was chosen as a whole."""

import logging
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from order_system.attention.chosen import Action, Chosen
from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.infra.changes import CHANGES
from order_system.orders.client import Submitted
from order_system.orders.details import OrderDetails
from tests.fixtures.documents.documents import the_order_with


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (Submitted.STARTED, "the event is sent again; it is submitted again"),
        (Submitted.FULFILLED, "the event is sent again"),
    ],
)
async def test_an_undone_order_runs_again_though_an_event_of_it_was_not_delivered(
    how: Submitted, told: str
) -> None:
    undelivered = Concern(
        kind=ConcernKind.UNDELIVERED,
        order_id="ORDER-1",
        event_id="evt_1",
        workflow_id=order_workflow_id("ORDER-1"),
        reason="410",
    )
    orders: Any = SimpleNamespace(
        status=AsyncMock(),
        in_full=AsyncMock(return_value=SimpleNamespace(document=the_order_with(("order_id", "ORDER-1")))),
        submit=AsyncMock(return_value=SimpleNamespace(how=how)),
    )
    attention: Any = SimpleNamespace(about=AsyncMock(return_value=[undelivered]), answer_event=AsyncMock())
    summary = await Chosen(orders, attention, "Ada").all_told(["ORDER-1"], Action.RETRY)
    assert [(row.accepted, row.detail) for row in summary.rows] == [(True, told)]
    attention.answer_event.assert_awaited_once_with("evt_1", again=True)


FORGOTTEN = OrderDetails(
    order_id="ORDER-1",
    workflow_id=order_workflow_id("ORDER-1"),
    run_id=None,
    status=OrderStatus.FAILED,
    children=(),
)


@pytest.mark.parametrize(
    ("details", "why"),
    [
        (FORGOTTEN, "Temporal has forgotten what ORDER-1 holds"),
        (SimpleNamespace(document={"order_id": "ORDER-1"}), "ORDER-1 is not tried again: "),
    ],
    ids=["forgotten", "of rules that were looser"],
)
async def test_an_order_that_cannot_be_submitted_again_is_in_the_log_of_changes(
    details: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=CHANGES)
    orders: Any = SimpleNamespace(status=AsyncMock(), in_full=AsyncMock(return_value=details))
    attention: Any = SimpleNamespace(about=AsyncMock(return_value=[]))
    [row] = (await Chosen(orders, attention, "Ada").all_told(["ORDER-1"], Action.RETRY)).rows
    assert (row.accepted, row.detail.startswith(why)) == (False, True)
    [noted] = [vars(record) for record in caplog.records if record.name == CHANGES]
    assert (noted["did"], noted["what"]) == ("submit", "ORDER-1")
    assert noted["outcome"] == f"refused: {row.detail}"

"""An answer in the same task as news of its order. Such a task is handed over to a workflow in two parts now
and then (seen in two chaos runs): no server does so on demand, so the workflow is played here."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from temporalio.common import TypedSearchAttributes
from temporalio.exceptions import ApplicationError

from order_system.domain.answers import Remedy, Resolution
from order_system.domain.progress import UndoState
from order_system.domain.steps import Step
from workflows.answers import TakesAnswers
from workflows.board import OrderBoard

HANDLED = Resolution(who="ada", note="by hand", step=Step.PAYMENT, remedy=Remedy.HANDLED)


class AnOrder(TakesAnswers):
    def __init__(self, board: OrderBoard) -> None:
        self._board = board
        self._saga: Any = MagicMock()
        self._saga.undo_of.return_value.why_not_to_be_resolved.return_value = None

    def check(self) -> None:
        self._check_resolution(HANDLED)


def test_it_is_refused_until_somebody_can_have_seen_them() -> None:
    events = moved = 50
    info = SimpleNamespace(
        get_current_history_length=lambda: events,
        workflow_id="order-A",
        run_id="r",
        first_execution_run_id="r",
        typed_search_attributes=TypedSearchAttributes.empty,
    )
    played = MagicMock(info=lambda: info, current_update_info=lambda: None)
    with patch("workflows.board.workflow", played), patch("workflows.answers.workflow", played):
        board = OrderBoard("A")
        order = AnOrder(board)
        board.undo_is(UndoState.STUCK, Step.PAYMENT, "no answer")
        # A query may have brought a worker the news; then come scheduled and started of their own task, and
        # timed out, if that was first given to a worker that had died (seen once: its replay failed).
        for beyond in range(4):
            events = moved + beyond
            with pytest.raises(ApplicationError, match="something has just happened to it"):
                order.check()
        events = moved = 54  # completed, the status for the server, scheduled, started: another task
        order.check()
        board.undo_is(UndoState.STUCK, Step.INVENTORY, "no answer")  # the server knows the status already
        for beyond in range(3):
            events = moved + beyond
            with pytest.raises(ApplicationError, match="something has just happened to it"):
                order.check()
        events = 57
        order.check()

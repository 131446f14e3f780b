"""What `starter.py cancel` says."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from order_system.cli.options import ATTENTION
from order_system.cli.orders import status
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, UndoProgress, UndoState
from order_system.domain.steps import Step
from order_system.orders.client import CancelAnswer


async def test_a_cancel_that_meets_a_stuck_undo_says_what_answers_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = OrderProgress(
        order_id="ORDER-1",
        workflow_id="order-ORDER-1",
        run_id="a",
        submission="a",
        status=OrderStatus.NEEDS_ATTENTION,
        children=(),
        undos=(UndoProgress(step=Step.PAYMENT, status=UndoState.STUCK, reason="no answer"),),
    )

    async def meant(order_id: str) -> str:
        return order_id

    async def cancel(_: str) -> tuple[CancelAnswer, OrderProgress]:
        return CancelAnswer.STILL_UNDOING, order

    @asynccontextmanager
    async def a_session(*_: object, **__: object) -> AsyncGenerator[SimpleNamespace]:
        yield SimpleNamespace(order_meant=meant, client=SimpleNamespace(cancel=cancel))

    monkeypatch.setattr(status, "open_session", a_session)

    code = await status.cancel("ORDER-1")

    said = capsys.readouterr().out
    assert code == ATTENTION
    assert "ORDER-1: still being undone" in said
    assert "python starter.py resolve ORDER-1 payment --retry" in said

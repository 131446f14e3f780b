"""Fields with another name in the code than on the wire, where older workers and histories know them."""

from datetime import UTC, datetime

import pytest

from order_system.domain.messages import ABANDONED, OrderStatus, UndoRequest
from order_system.domain.order import SubmissionRef, Wire
from order_system.domain.progress import OrderProgress, UndoProgress
from order_system.domain.reconciliation import KeyInDoubt
from order_system.domain.steps import Effect, Step
from order_system.infra.temporal.conversion import data_converter

REF = SubmissionRef(order_id="ORDER-1", submission="s", fingerprint="f")
PROGRESS = OrderProgress(
    order_id="ORDER-1",
    workflow_id="order-ORDER-1",
    run_id=None,
    status=OrderStatus.RUNNING,
    children=(),
    undos=(UndoProgress(step=Step.PAYMENT),),
)
DOUBT = KeyInDoubt(submission=REF, effect=Effect.CHARGE, undo_ended_at=datetime.now(UTC), has_receipt=False)


@pytest.mark.parametrize(
    ("model", "on_the_wire"),
    [
        (UndoRequest(submission=REF, cause=ABANDONED), "verdict"),
        (PROGRESS, "compensations"),
        (DOUBT, "settled_at"),
    ],
)
def test_the_wire_keeps_its_names(model: Wire, on_the_wire: str) -> None:
    [payload] = data_converter.payload_converter.to_payloads([model])
    assert f'"{on_the_wire}":' in payload.data.decode()
    assert data_converter.payload_converter.from_payloads([payload], [type(model)]) == [model]

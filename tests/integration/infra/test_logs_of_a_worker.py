"""What a real worker writes, workflows in their sandbox included."""

import json

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from order_system.domain.messages import PaymentRequest
from order_system.domain.order import SubmissionRef
from order_system.infra.logs import ActivityLogContext, configure_logging
from order_system.infra.settings import load_settings
from tests.fixtures.shops.talkative import TalkativePayment, charge

REQUEST = PaymentRequest(
    submission=SubmissionRef(order_id="ORDER-7", submission="sub-7", fingerprint="f"),
    amount=100,
    currency="USD",
    payment_method="pm_card_declined",
)


pytestmark = pytest.mark.usefixtures("logging_as_it_was")


async def test_every_line_of_an_order_says_where_it_belongs(
    time_skipping_env: WorkflowEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(load_settings())

    async with Worker(
        time_skipping_env.client,
        task_queue="talkative",
        workflows=[TalkativePayment],
        activities=[charge],
        interceptors=[ActivityLogContext()],
    ):
        handle = await time_skipping_env.client.start_workflow(
            TalkativePayment.run, REQUEST, id="payment-ORDER-7", task_queue="talkative"
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    told = {line["event"]: line for line in lines}
    ours = [
        "step payment begins",
        "and goes on",
        "asking the gateway",
        "connected",
        "Completing activity as failed",
    ]
    for event in ours:
        expected = {
            "order_id": "ORDER-7",
            "step": "payment",
            "workflow_id": "payment-ORDER-7",
            "run_id": handle.first_execution_run_id,
            "attempt": 1,
            "submission": "sub-7",
        }
        assert expected == {key: told[event].get(key) for key in expected}, event
    assert "LookupError: a workflow may log" in told["and goes on"]["exception"]
    assert told["Completing activity as failed"]["error"] == "PaymentDeclined: [redacted] was declined"
    assert "pm_card_declined" not in written

"""An answer in the same task as news of its refund, as in `test_answers.py`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

from temporalio.exceptions import ApplicationError

from order_system.domain.answers import Remedy, Resolution
from order_system.domain.order import SubmissionRef
from order_system.domain.refunds import Refund, RefundRequest
from order_system.domain.steps import Step
from workflows.refund import RefundWorkflow

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = Refund(who="ada", note="late", refund_id="r1", amount=5, currency="USD", asked_at=BEGAN)
RETRY = Resolution(who="ada", note="once more", step=Step.PAYMENT, remedy=Remedy.RETRY, refund="r1")


async def test_it_is_refused_in_the_task_that_tries_again() -> None:
    events = 50
    info = SimpleNamespace(start_time=BEGAN, get_current_history_length=lambda: events)
    checked = list[bool]()

    def tries(*_: Any, **__: Any) -> Any:
        async def answers() -> Refund:
            return ASKED

        checked.append(_is_refused(check))
        return answers()

    played = MagicMock(info=lambda: info, now=lambda: BEGAN + timedelta(hours=1), start_activity_method=tries)
    ref = SubmissionRef(order_id="A", submission="first")
    with patch("workflows.refund.workflow", played):
        refund: Any = RefundWorkflow(RefundRequest(submission=ref, refund=ASKED))

        def check() -> None:
            refund._check(RETRY)

        await refund._retried_without_limit()
        assert checked == [True]
        refund._ended = None
        events = 54
        assert not _is_refused(check)


def _is_refused(check: Callable[[], None]) -> bool:
    try:
        check()
    except ApplicationError:
        return True
    return False

"""Whatever waits for a person does so soon, and for long."""

from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy

from order_system.domain import policy

AN_HOUR_BETWEEN_ATTEMPTS = RetryPolicy(initial_interval=timedelta(hours=1))


@pytest.fixture(autouse=True)
def stuck_soon_and_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens within the test happens because a person wants it."""
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", AN_HOUR_BETWEEN_ATTEMPTS)

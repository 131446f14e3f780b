"""A faster clock for the short run: every wait of the product's policy, shortened by one factor.

`make chaos` runs with the policy as it is. What must hold, holds at any pace.
"""

from datetime import timedelta

from temporalio.common import RetryPolicy

from order_system.domain import policy
from order_system.infra import policy as infra_policy
from tests.chaos import slow_starts

WAITS = (
    "EFFECT_ATTEMPT",
    "GATEWAY_CALL",
    "FIRST_ATTEMPT",
    "FIRST_ATTEMPT_STARTS",
    "FIRST_CALL",
    "ATTENTION_AFTER",
    "UNDO_AGAIN_AFTER",
    "CHILD_BUSY_POLL",
    "BATCH_LOOK_AGAIN",
    "BATCH_DRAIN",
    "CONNECT_AGAIN",
    "WORKER_DRAIN",
    "DATABASE_BUSY",
    "PAGE_ATTEMPT",
    "PAGE_HEARTBEAT",
    "FILE_HEARTBEAT",
    "KEYS_HEARTBEAT",
)
STICKY = timedelta(seconds=10)
"""The SDK's default: how long a workflow task waits for the worker that knows the workflow."""


def shorten(factor: float) -> None:
    """Before anything of the product runs in this process. Retry policies are changed in place, since
    functions hold them as defaults."""
    for name in WAITS:
        module = policy if hasattr(policy, name) else infra_policy
        setattr(module, name, getattr(module, name) * factor)
    policy.BATCH_PATIENCE = slow_starts.PATIENCE * factor
    for value in vars(policy).values():
        if isinstance(value, RetryPolicy):
            value.initial_interval *= factor
            if value.maximum_interval is not None:
                value.maximum_interval *= factor

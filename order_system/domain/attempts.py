"""Attempts at effects and undos as they are kept for people: what each failed of, and when it was made."""

from order_system.domain.messages import OneLine
from order_system.domain.order import Wire
from order_system.domain.progress import Timestamp


class AttemptMade(Wire):
    """One that failed, or that succeeded after others. One whose worker died is told by nobody: its number is
    missing."""

    activity: str
    """What was tried: `charge`, `refund`, `void_shipment` and so on."""
    number: int
    last_number: int
    """Greater than `number` of attempts that are told together, as policy.ATTEMPTS_TOLD_APART says."""
    due_at: Timestamp
    """From when on it waited for a worker."""
    began_at: Timestamp
    ended_at: Timestamp
    said: OneLine | None = None
    """What it failed of, without what is personal. None: it succeeded."""

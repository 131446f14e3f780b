"""Orders whose workflow was started, and whose payment has opened no submission yet."""

from datetime import datetime
from typing import Protocol


class AcceptedOrders(Protocol):
    async def accept(self, order_id: str, submission: str, at: datetime) -> None:
        """Note it, once its workflow was started: lists show it from now on. Nothing else reads the note, and
        lists ask the server about an order that is not noted, or that has opened nothing."""
        ...

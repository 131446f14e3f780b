"""Sends events to a receiver outside."""

from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from order_system.domain.errors import AnswerLost
from order_system.domain.webhooks import Event


class Receiver(Protocol):
    async def post(self, event: Event) -> str:
        """Send the event once, and return the answer. Raises ReceiverGone if the receiver wants no more
        events, and AnswerLost for every other answer that is no `2xx`."""
        ...


@dataclass(frozen=True)
class WebhookActivities:
    receiver: Receiver | None

    @activity.defn
    async def deliver(self, event: Event) -> str:
        """Send the event. Without a receiver it waits for one. Raises what `Receiver.post` raises."""
        if self.receiver is None:
            raise AnswerLost("ORDER_WEBHOOKS_URL is not set where this worker runs")
        return await self.receiver.post(event)

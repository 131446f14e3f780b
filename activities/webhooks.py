"""Sends events to a receiver outside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio import activity

from order_system.domain.errors import AnswerLost
from order_system.domain.webhooks import Event

Post = Callable[[Event], Awaitable[str]]
"""Sends an event once, and returns the answer. Raises ReceiverGone if the receiver wants no more events, and
AnswerLost for every other answer that is no `2xx`."""


@dataclass(frozen=True)
class WebhookActivities:
    post: Post | None

    @activity.defn
    async def deliver(self, event: Event) -> str:
        """Send the event. Without a receiver it waits for one. Raises what `post` raises."""
        if self.post is None:
            raise AnswerLost("ORDER_WEBHOOKS_URL is not set where this worker runs")
        return await self.post(event)

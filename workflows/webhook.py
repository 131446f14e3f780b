"""One event for a receiver outside, until it is delivered. Terminating the workflow drops the event."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import in_words

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import WebhookActivities
    from order_system.domain import policy
    from order_system.domain.search_attributes import ORDER_STATUS
    from order_system.domain.webhooks import UNDELIVERED, WHY, Event


@workflow.defn
class WebhookWorkflow:
    """`webhook-<EVENT_ID>`: returns what the receiver has answered."""

    def __init__(self) -> None:
        self._again = False

    @workflow.run
    async def run(self, event: Event) -> str:
        while True:
            try:
                return await workflow.execute_activity_method(
                    WebhookActivities.deliver,
                    event,
                    start_to_close_timeout=policy.WEBHOOK_ATTEMPT,
                    retry_policy=policy.WEBHOOK_RETRY,
                )
            except ActivityError as failure:
                workflow.upsert_memo({WHY: in_words(failure)})
            self._status_is(UNDELIVERED)
            self._again = False
            await workflow.wait_condition(lambda: self._again)
            self._status_is("sent again")

    def _status_is(self, status: str) -> None:
        workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType]
            [ORDER_STATUS.value_set(status)]
        )

    @workflow.signal
    def again(self) -> None:
        """Send an undelivered event once more, because a person wants it."""
        self._again = True

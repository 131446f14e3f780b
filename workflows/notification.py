"""The fourth child: tell the customer. Also sends the notice of a cancellation that gave money back."""

from temporalio import workflow

from workflows.step_workflow import StepWorkflow, run_effect

with workflow.unsafe.imports_passed_through():
    from activities.notification import NotificationActivities
    from order_system.domain.messages import NotificationRequest
    from order_system.domain.order import NoticeReceipt
    from order_system.domain.steps import Step


@workflow.defn
class NotificationWorkflow(StepWorkflow):
    """`notification-<ORDER_ID>`: one notice, best effort; its failure harms no order."""

    step = Step.NOTIFICATION

    @workflow.run
    async def run(self, request: NotificationRequest) -> NoticeReceipt:
        with self._under_way():
            notice = await run_effect(
                self.step, NotificationActivities.notify, request, summary=f"send the {request.kind}"
            )
            self._received(notice)
            return notice

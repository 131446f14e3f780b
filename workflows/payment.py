"""The first child: charge the customer, or confirm that the order is paid already."""

from temporalio import workflow

from workflows.step_workflow import StepWorkflow, run_effect

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from order_system.domain.messages import Charged, PaymentAnswer, PaymentRequest
    from order_system.domain.money import format_amount
    from order_system.domain.payment_methods import Elsewhere, made_elsewhere
    from order_system.domain.steps import Step

_WHAT_IT_DOES = {Elsewhere.PAID: "confirm", Elsewhere.AUTHORISED: "take over", None: "charge"}


@workflow.defn
class PaymentWorkflow(StepWorkflow):
    """`payment-<ORDER_ID>`: charges the total of one submission, at most once."""

    step = Step.PAYMENT

    @workflow.run
    async def run(self, request: PaymentRequest) -> PaymentAnswer:
        what = _WHAT_IT_DOES[made_elsewhere(request.payment_method)]
        with self._under_way():
            answer = await run_effect(
                self.step,
                PaymentActivities.charge,
                request,
                summary=f"{what} {format_amount(request.amount, request.currency)}",
            )
            self._received(answer.receipt if isinstance(answer, Charged) else answer)
            return answer

"""The third child: buy a label, capture money that is only held, and hand the parcel over, the pivot."""

from temporalio import workflow

from workflows.failures import raise_if_cancelled
from workflows.step_workflow import StepWorkflow, run_effect

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from activities.shipping import ShippingActivities
    from order_system.domain.messages import Shipped, ShippingRequest, StepRequest
    from order_system.domain.money import format_amount
    from order_system.domain.order import PaymentReceipt
    from order_system.domain.steps import Step


@workflow.defn
class ShippingWorkflow(StepWorkflow):
    """`shipping-<ORDER_ID>`: label, capture, dispatch; its status says how far it has come."""

    step = Step.SHIPPING

    @workflow.run
    async def run(self, request: ShippingRequest) -> Shipped:
        with self._under_way():
            label = await run_effect(
                self.step, ShippingActivities.buy_label, request, summary="buy a label", always_regular=True
            )
            self._reached(f"label bought: {label.tracking_number}")
            raise_if_cancelled()
            payment = await self._capture(request) if request.captures else None
            parcel = await run_effect(
                self.step, ShippingActivities.dispatch, request, summary=f"hand over {label.tracking_number}"
            )
            self._reached("dispatched")
            self._received(parcel)
            return Shipped(**parcel.model_dump(), payment=payment)

    async def _capture(self, request: ShippingRequest) -> PaymentReceipt:
        """Capture the held money, last before the hand-over. If that is refused, nothing is owed: the undos
        void the label, put the stock back, and release the held money."""
        taken = await run_effect(
            Step.PAYMENT,
            PaymentActivities.capture,
            StepRequest(submission=request.submission),
            summary="capture what is held",
        )
        self._reached(f"captured {format_amount(taken.amount, taken.currency)}")
        raise_if_cancelled()
        return taken

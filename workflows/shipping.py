"""The third child: buy a label, then hand the parcel over. The hand-over is the order's pivot."""

from temporalio import workflow

from workflows.failures import raise_if_cancelled
from workflows.step import StepWorkflow, run_effect

with workflow.unsafe.imports_passed_through():
    from activities.shipping import ShippingActivities
    from order_system.domain.messages import ShippingRequest
    from order_system.domain.order import DispatchReceipt
    from order_system.domain.steps import Step


@workflow.defn
class ShippingWorkflow(StepWorkflow):
    """`shipping-<ORDER_ID>`: label, then dispatch; its status says how far it has come."""

    step = Step.SHIPPING

    @workflow.run
    async def run(self, request: ShippingRequest) -> DispatchReceipt:
        with self._under_way():
            label = await run_effect(ShippingActivities.buy_label, request, summary="buy a label")
            self._milestones.append(f"label bought: {label.tracking_number}")
            raise_if_cancelled()
            parcel = await run_effect(
                ShippingActivities.dispatch, request, summary=f"hand over {label.tracking_number}"
            )
            self._milestones.append("dispatched")
            self._receipt = parcel
            return parcel

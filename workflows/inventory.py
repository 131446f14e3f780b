"""The second child: set the stock aside, all lines or none."""

from temporalio import workflow

from workflows.step_workflow import StepWorkflow, run_effect

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from order_system.domain.messages import InventoryAnswer, InventoryRequest
    from order_system.domain.steps import Step


@workflow.defn
class InventoryWorkflow(StepWorkflow):
    """`inventory-<ORDER_ID>`: reserves every line of one submission in one activity."""

    step = Step.INVENTORY

    @workflow.run
    async def run(self, request: InventoryRequest) -> InventoryAnswer:
        with self._under_way():
            answer = await run_effect(
                self.step,
                InventoryActivities.reserve,
                request,
                summary=f"reserve {len(request.lines)} line(s), all or none",
            )
            self._received(answer)
            return answer

"""The second child: set the stock aside, all lines or none."""

from temporalio import workflow

from workflows.step import StepRecord, run_effect

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from order_system.domain.messages import InventoryRequest
    from order_system.domain.order import Reservation
    from order_system.domain.progress import StepStatus
    from order_system.domain.steps import Step


@workflow.defn
class InventoryWorkflow:
    """`inventory-<ORDER_ID>`: reserves every line of one submission in one activity."""

    def __init__(self) -> None:
        self._record = StepRecord(Step.INVENTORY)

    @workflow.run
    async def run(self, request: InventoryRequest) -> Reservation:
        with self._record:
            reservation = await run_effect(
                InventoryActivities.reserve,
                request,
                summary=f"reserve {len(request.lines)} line(s), all or none",
            )
            self._record.answered(reservation)
            return reservation

    @workflow.query
    def status(self) -> StepStatus:
        return self._record.status()

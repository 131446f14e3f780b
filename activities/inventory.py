"""Sets stock aside for an order, all lines or none, and puts it back."""

from dataclasses import dataclass
from functools import partial

from temporalio import activity

from activities.attempts import Effects, undo
from order_system.domain.gateways import Warehouse
from order_system.domain.messages import InventoryAnswer, InventoryRequest, UndoAnswer, UndoRequest
from order_system.domain.order import Reservation
from order_system.domain.steps import Effect


@dataclass(frozen=True)
class InventoryActivities(Effects):
    warehouse: Warehouse

    @activity.defn
    async def reserve(self, request: InventoryRequest) -> InventoryAnswer:
        """Reserve every line or none. Beside payment, also open the submission in the book, if payment has
        not. Idempotent by the submission's key.

        Raises OutOfStock, Fenced, OrderConflict or OpenElsewhere, never to be retried."""
        call, effect = partial(self.warehouse.reserve, lines=request.lines), Effect.RESERVE
        if request.opening is None:
            return await self.carry_out(request, effect, Reservation, call)
        return await self.open_and_carry_out(request, effect, Reservation, call, request.opening)

    @activity.defn
    async def release(self, request: UndoRequest) -> UndoAnswer:
        """Undo `reserve`: fence its key and put back the stock that it holds. Idempotent."""
        return await undo(self.book, request, Effect.RESERVE, self.warehouse.release)

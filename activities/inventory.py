"""Setting stock aside for an order, all lines or none, and putting it back."""

from functools import partial

from temporalio import activity

from activities.attempts import carry_out, undo
from order_system.domain import policy
from order_system.domain.book import OrderBook
from order_system.domain.gateways import Warehouse
from order_system.domain.messages import InventoryRequest, UndoAnswer, UndoRequest
from order_system.domain.order import Reservation
from order_system.domain.steps import Effect, Step


class InventoryActivities:
    def __init__(
        self, book: OrderBook, warehouse: Warehouse, *, patience: int = policy.PATIENCE[Step.INVENTORY]
    ) -> None:
        self._book = book
        self._warehouse = warehouse
        self._patience = patience

    @activity.defn
    async def reserve(self, request: InventoryRequest) -> Reservation:
        """Reserve every line or none. Idempotent by the submission's key.

        Raises OutOfStock or Fenced, never to be retried.
        """
        call = partial(self._warehouse.reserve, lines=request.lines)
        return await carry_out(
            self._book, request.submission, Effect.RESERVE, Reservation, call, patience=self._patience
        )

    @activity.defn
    async def release(self, request: UndoRequest) -> UndoAnswer:
        """Undo of `reserve`: fence its key and put back whatever it holds. Idempotent."""
        return await undo(self._book, request, Effect.RESERVE, self._warehouse.release)

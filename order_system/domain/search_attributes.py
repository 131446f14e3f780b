"""The attributes by which orders are searched on the Temporal server. They hold no personal data: many read
the server's visibility store, and no payload codec hides what is in it.

An order has `OrderStatus` and `OrderId` from the start, and its children have `OrderId`. `BatchName` is there
if a batch started the order; `FailedStep` while the order needs attention and once it has failed."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Step

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
ORDER_ID = SearchAttributeKey.for_keyword("OrderId")
FAILED_STEP = SearchAttributeKey.for_keyword("FailedStep")
BATCH_NAME = SearchAttributeKey.for_keyword("BatchName")

KINDS = {key.name: "Keyword" for key in (ORDER_STATUS, ORDER_ID, FAILED_STEP, BATCH_NAME)}
"""Name -> type, as Temporal's own tools write it. Register these before the first order is started."""

INDEXED_AS = dict.fromkeys(KINDS, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)


def of_new_order(order_id: str, batch_name: str | None = None) -> TypedSearchAttributes:
    """Return the attributes with which to start an order's workflow."""
    pairs = [
        SearchAttributePair(ORDER_STATUS, OrderStatus.RUNNING.value),
        SearchAttributePair(ORDER_ID, order_id),
    ]
    if batch_name is not None:
        pairs.append(SearchAttributePair(BATCH_NAME, batch_name))
    return TypedSearchAttributes(pairs)


def of_child(order_id: str) -> TypedSearchAttributes:
    """Return the attributes of an order's child, which does not inherit its parent's."""
    return TypedSearchAttributes([SearchAttributePair(ORDER_ID, order_id)])


def changes(
    before: TypedSearchAttributes, order_id: str, status: OrderStatus, failed_step: Step | None
) -> list[SearchAttributeUpdate[str]]:
    """Return what to upsert when the status has changed. An order started by hand gets its ID here, too."""
    updates: list[SearchAttributeUpdate[str]] = [ORDER_STATUS.value_set(status.value)]
    if before.get(ORDER_ID) is None:
        updates.append(ORDER_ID.value_set(order_id))
    if before.get(FAILED_STEP) != (failed_step.value if failed_step else None):
        updates.append(FAILED_STEP.value_set(failed_step.value) if failed_step else FAILED_STEP.value_unset())
    return updates

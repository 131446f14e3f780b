"""The workflows: `order.py` is the story, `saga.py` the undoing, one file for each child."""

from workflows.inventory import InventoryWorkflow
from workflows.notification import NotificationWorkflow
from workflows.order import OrderFulfillmentWorkflow
from workflows.payment import PaymentWorkflow
from workflows.shipping import ShippingWorkflow

WORKFLOWS = [
    OrderFulfillmentWorkflow,
    PaymentWorkflow,
    InventoryWorkflow,
    ShippingWorkflow,
    NotificationWorkflow,
]

__all__ = [
    "WORKFLOWS",
    "InventoryWorkflow",
    "NotificationWorkflow",
    "OrderFulfillmentWorkflow",
    "PaymentWorkflow",
    "ShippingWorkflow",
]

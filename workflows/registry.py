"""Every workflow, for the code that sets up a Worker.

The list is not in the package's `__init__`: the sandbox imports that anew for each workflow instance, and a
payment child should not pay for importing the others."""

from collections.abc import Mapping
from typing import Any

from order_system.domain.steps import Step
from workflows.batch import BatchFulfillmentWorkflow
from workflows.inventory import InventoryWorkflow
from workflows.notification import NotificationWorkflow
from workflows.order import OrderFulfillmentWorkflow
from workflows.payment import PaymentWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.refund import RefundWorkflow
from workflows.shipping import ShippingWorkflow
from workflows.webhook import WebhookWorkflow

CHILDREN: Mapping[Step, type[Any]] = {
    child.step: child
    for child in (PaymentWorkflow, InventoryWorkflow, ShippingWorkflow, NotificationWorkflow)
}

WORKFLOWS: list[type[Any]] = [
    BatchFulfillmentWorkflow,
    OrderFulfillmentWorkflow,
    *CHILDREN.values(),
    ReconciliationWorkflow,
    RefundWorkflow,
    WebhookWorkflow,
]

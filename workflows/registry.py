"""Every workflow, for whoever sets up a Worker.

Not in the package's `__init__`: the sandbox imports that anew for each workflow instance, and a payment
child should not pay for importing the others.
"""

from workflows.batch import BatchFulfillmentWorkflow
from workflows.inventory import InventoryWorkflow
from workflows.notification import NotificationWorkflow
from workflows.order import OrderFulfillmentWorkflow
from workflows.payment import PaymentWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.shipping import ShippingWorkflow

WORKFLOWS = [
    BatchFulfillmentWorkflow,
    OrderFulfillmentWorkflow,
    PaymentWorkflow,
    InventoryWorkflow,
    ShippingWorkflow,
    NotificationWorkflow,
    ReconciliationWorkflow,
]

"""The API: one module a resource."""

from typing import Any

from fastapi import APIRouter, Depends

from order_system.web.api import attention, batch_actions, batches, health, order_actions, orders
from order_system.web.requests import only_known_parameters

TAGS: list[dict[str, Any]] = [
    {"name": "Orders", "description": "Submit an order, see where it stands, and answer what it waits for."},
    {"name": "Batches", "description": "A file of orders as one workflow."},
    {"name": "Attention", "description": "What waits for a person."},
    {"name": "Health", "description": "For probes; they need no key."},
]

router = APIRouter()
for module in (orders, order_actions, batches, batch_actions, attention):
    router.include_router(module.router, dependencies=[Depends(only_known_parameters)])
router.include_router(health.router)  # whatever a probe has in its address: a refusal would pass for illness

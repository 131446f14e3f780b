"""The API: one module for each resource."""

from typing import Any

from fastapi import APIRouter, Depends

from order_system.web.api import attention, batch_actions, batches, codec, health, order_actions, orders
from order_system.web.guards.access import viewer
from order_system.web.requests import only_known_parameters

TAGS: list[dict[str, Any]] = [
    {"name": "Orders", "description": "Submit an order, see where it stands, and answer what it waits for."},
    {"name": "Batches", "description": "A batch is a file of orders that one workflow runs."},
    {"name": "Attention", "description": "What needs attention: it waits for a person."},
    {"name": "Health", "description": "For probes. They need no key."},
]

router = APIRouter()
for module in (orders, order_actions, batches, batch_actions, attention):
    router.include_router(module.router, dependencies=[Depends(only_known_parameters), Depends(viewer)])
router.include_router(codec.router)
router.include_router(health.router)  # whatever a probe has in its address: a refusal would pass for illness

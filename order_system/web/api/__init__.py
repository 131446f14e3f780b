"""The API: one module a resource."""

from typing import Any

from fastapi import APIRouter

from order_system.web.api import attention, batch_actions, batches, health, order_actions, orders

TAGS: list[dict[str, Any]] = [
    {"name": "Orders", "description": "Submit an order, see where it stands, and answer what it waits for."},
    {"name": "Batches", "description": "A file of orders as one workflow."},
    {"name": "Attention", "description": "What waits for a person."},
    {"name": "Health", "description": "For probes; they need no key."},
]

router = APIRouter()
for module in (orders, order_actions, batches, batch_actions, attention, health):
    router.include_router(module.router)

"""The API: one module for each resource."""

from typing import Any

from fastapi import APIRouter, Depends

from order_system.web.api import attention, batches, codec, health, orders
from order_system.web.api.parameters import only_known_parameters
from order_system.web.guards.access import viewer
from order_system.web.problems import documented

TAGS: list[dict[str, Any]] = [
    {"name": "Orders", "description": "Submit an order, see where it stands, and answer what it waits for."},
    {"name": "Batches", "description": "A batch is a file of orders that one workflow runs."},
    {"name": "Attention", "description": "What needs attention: it waits for a person."},
    {"name": "Health", "description": "For probes. They need no key."},
]

router = APIRouter()
for routes in (orders.router, orders.actions, batches.router, batches.actions, attention.router):
    router.include_router(
        routes,
        dependencies=[Depends(only_known_parameters), Depends(viewer)],
        responses=documented(401, 403, 422, 429, 503),
    )
router.include_router(codec.router)
router.include_router(health.router)  # a probe may send any parameters: a refusal would look like illness

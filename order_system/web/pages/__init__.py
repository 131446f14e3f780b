"""The pages: one module for each. They work without JavaScript. With it, an open page is renewed every few
seconds."""

from fastapi import APIRouter

from order_system.web.pages import api_docs, attention, health, login, static
from order_system.web.pages.batches import batch, upload
from order_system.web.pages.batches import overview as batches
from order_system.web.pages.orders import new, order
from order_system.web.pages.orders import overview as orders
from order_system.web.pages.visit import bare_page

__all__ = ["bare_page", "router"]

router = APIRouter(include_in_schema=False)
for module in (static, login, orders, new, order, batches, upload, batch, attention, health, api_docs):
    router.include_router(module.router)

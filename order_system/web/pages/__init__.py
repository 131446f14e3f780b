"""The pages, one module for each. They work without JavaScript; with it, an open page is renewed every few
seconds."""

from fastapi import APIRouter

from order_system.web.pages import (
    api_docs,
    attention,
    batches,
    health,
    login,
    new_order,
    orders,
    static,
    upload,
)
from order_system.web.pages.visit import bare_page

__all__ = ["bare_page", "router"]

router = APIRouter(include_in_schema=False)
for module in (static, login, orders, new_order, batches, upload, attention, health, api_docs):
    router.include_router(module.router)

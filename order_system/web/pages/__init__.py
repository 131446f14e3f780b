"""The pages: one module each. They work without JavaScript; with it, what is open renews itself."""

from fastapi import APIRouter

from order_system.web.pages import attention, login, static, steps
from order_system.web.pages.batches import batch
from order_system.web.pages.batches import overview as batches
from order_system.web.pages.batches import upload as batch_upload
from order_system.web.pages.orders import answers as order_answers
from order_system.web.pages.orders import new as new_order
from order_system.web.pages.orders import order
from order_system.web.pages.orders import overview as orders
from order_system.web.pages.problem_pages import ProblemPages

__all__ = ["ProblemPages", "router"]

router = APIRouter(include_in_schema=False)
for module in (
    static,
    login,
    orders,
    new_order,
    order,
    order_answers,
    batches,
    batch_upload,
    batch,
    attention,
    steps,
):
    router.include_router(module.router)

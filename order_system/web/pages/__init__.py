"""The pages: one module each. They work without JavaScript; with it, what is open renews itself."""

from fastapi import APIRouter

from order_system.web.pages import (
    attention,
    batch,
    batch_upload,
    batches,
    login,
    new_order,
    order,
    order_answers,
    orders,
    static,
    steps,
)
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

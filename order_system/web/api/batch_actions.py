"""`/api/batches/{name}/...`: what is done about a batch."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Response

from order_system.domain.errors import AnswerRefused, UnknownBatch
from order_system.web.api.parameters import BatchName
from order_system.web.documents.batches import BatchDocument, BatchStarted, read_batch
from order_system.web.guards.access import Operator
from order_system.web.openapi import batch_examples, examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services
from order_system.web.transfers.plans import batch_started

router = APIRouter(prefix="/api/batches/{name}", tags=["Batches"])

_TOLD = {
    200: examples.answer("It was told; how far it is now.", batch_examples.PROGRESS),
    **documented(404, 408, 409, 413, 422, 502, 503),
}


@router.post("/pause", summary="Pause a batch", responses=_TOLD)
async def pause(name: BatchName, services: Given, _caller: Operator) -> BatchDocument:
    """It starts no more orders for now; those under way go on. Safe to repeat."""
    async with only_running(services, name):
        await services.batches.pause(name)
    return await read_batch(services, name)


@router.post("/resume", summary="Resume a batch", responses=_TOLD)
async def resume(name: BatchName, services: Given, _caller: Operator) -> BatchDocument:
    """It goes on after a pause. Safe to repeat."""
    async with only_running(services, name):
        await services.batches.resume(name)
    return await read_batch(services, name)


@router.post("/cancel", summary="Cancel a batch", responses=_TOLD)
async def cancel(
    name: BatchName,
    services: Given,
    _caller: Operator,
    orders: Annotated[bool, Query(description="Cancel the orders under way, too.")] = False,
) -> BatchDocument:
    """It starts no more orders; those under way finish, unless they are to be cancelled as well."""
    async with only_running(services, name):
        await services.batches.cancel(name, orders_too=orders)
    return await read_batch(services, name)


@router.post(
    "/retry",
    status_code=202,
    summary="Retry what failed",
    responses={
        202: examples.answer(
            "Under way.", batch_examples.BATCH_STARTED, headers=batch_examples.BATCH_LOCATION
        ),
        **documented(404, 408, 409, 413, 422, 502, 503),
    },
)
async def retry(name: BatchName, services: Given, _caller: Operator, response: Response) -> BatchStarted:
    """Runs again only those orders of the same file that failed, were cancelled or terminated."""
    batch = batch_started(name, new=await services.batches.retry(name))
    response.headers["Location"] = batch.location
    return batch


@asynccontextmanager
async def only_running(services: Services, name: str) -> AsyncGenerator[None]:
    """Tells a batch that has ended, to which nothing can be said any more, from one that never was.

    Raises AnswerRefused, UnknownBatch."""
    try:
        yield
    except UnknownBatch:
        await services.batches.record(name)
        raise AnswerRefused(f"batch {name} has ended: nothing can be done about it but a retry") from None

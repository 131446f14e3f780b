"""`/api/batches/{name}/...`: what is done about a batch."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from order_system.domain.errors import AnswerRefused, UnknownBatch
from order_system.web.api.parameters import BatchName
from order_system.web.documents.batches import BatchDocument, BatchStarted, batch_started, read_batch
from order_system.web.guards.access import operator
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api/batches/{name}", tags=["Batches"], dependencies=[Depends(operator)])

_PROBLEMS = documented(404, 409, 413, 422, 502, 503)
_TOLD = {200: examples.answer("The batch was told. How far it is now.", "batch"), **_PROBLEMS}

Steering = Literal["pause", "resume", "cancel"]


@router.post("/pause", summary="Pause a batch", responses=_TOLD)
async def pause(name: BatchName, services: Given) -> BatchDocument:
    """The batch starts no more orders for now. Those under way go on. Safe to repeat."""
    await steer(services, name, "pause")
    return await read_batch(services, name)


@router.post("/resume", summary="Resume a batch", responses=_TOLD)
async def resume(name: BatchName, services: Given) -> BatchDocument:
    """The batch goes on after a pause. Safe to repeat."""
    await steer(services, name, "resume")
    return await read_batch(services, name)


@router.post("/cancel", summary="Cancel a batch", responses=_TOLD)
async def cancel(
    name: BatchName,
    services: Given,
    orders: Annotated[bool, Query(description="Cancel the orders under way, too.")] = False,
) -> BatchDocument:
    """The batch starts no more orders. Those under way finish, unless they are cancelled as well."""
    await steer(services, name, "cancel", orders_too=orders)
    return await read_batch(services, name)


async def steer(services: Services, name: str, how: Steering, *, orders_too: bool = False) -> None:
    """Raises UnknownBatch, and AnswerRefused for one that has ended: to that nothing can be said any more."""
    batches = services.batches
    cancel = partial(batches.cancel, orders_too=orders_too)
    ways = {"pause": batches.pause, "resume": batches.resume, "cancel": cancel}
    try:
        await ways[how](name)
    except UnknownBatch:
        await batches.record(name)
        raise AnswerRefused(f"batch {name} has ended: nothing can be done about it but a retry") from None


@router.post(
    "/retry",
    status_code=202,
    summary="Retry what failed",
    responses={202: examples.answer("Under way.", "batch_started"), **_PROBLEMS},
)
async def retry(name: BatchName, services: Given, response: Response) -> BatchStarted:
    """Runs again only those orders of the same file that failed, were cancelled or were terminated."""
    batch = batch_started(name, new=await services.batches.retry(name))
    response.headers["Location"] = batch.location
    return batch

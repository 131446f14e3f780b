"""`/healthz` and `/readyz`, for probes. They tell no secrets."""

import asyncio
from collections.abc import Awaitable
from typing import Literal, TypeVar

from fastapi import APIRouter, Response
from pydantic import BaseModel
from temporalio.service import RPCError

from order_system.domain.errors import DatabaseUnready
from order_system.web import examples, policy
from order_system.web.services import Given

router = APIRouter(tags=["Health"])

Answer = TypeVar("Answer")
State = Literal["ok", "does not answer"]
AtWork = Literal["ok", "none at work", "not known"]


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    database: State
    temporal: State
    workers: AtWork
    """Whether a worker takes work: an outage shows within 15 seconds."""


@router.get("/healthz", summary="Is the process alive?", responses={200: examples.answer("It is.", "alive")})
async def health() -> Health:
    """The process is alive if it answers at all."""
    return Health()


@router.get(
    "/readyz",
    summary="Can it do its work?",
    responses={
        200: examples.answer("It can.", "ready"),
        503: examples.answer(
            "The order book or the Temporal server does not answer, or no worker takes work.",
            "not_ready",
            model=Readiness,
        ),
    },
)
async def readiness(services: Given, response: Response) -> Readiness:
    """Tells whether order book and Temporal server answer within two seconds, and a worker is at work. Pages
    and API can be used without a worker: a probe that keeps them reachable should ask `/healthz`.

    The book is only read. On a full disk it is still `ok`: pages read all the same, `attention` says that the
    book cannot be written, and a write for each probe, without a key, would queue before those of orders."""
    server = services.temporal.service_client.check_health(timeout=policy.READY_WITHIN)
    listed, serving, at_work = await asyncio.gather(
        _answered(services.book.batches(limit=1)),
        _answered(server),
        _answered(services.attention.workers.at_all_queues()),
    )
    database: State = "ok" if listed else "does not answer"
    temporal: State = "ok" if serving else "does not answer"
    workers: AtWork = "not known" if at_work is None else "ok" if at_work else "none at work"
    ready = database == temporal == workers == "ok"
    if not ready:
        response.status_code = 503
    status = "ready" if ready else "not ready"
    return Readiness(status=status, database=database, temporal=temporal, workers=workers)


async def _answered(question: Awaitable[Answer]) -> Answer | None:
    """Return the answer to a question; None if it does not come in time, or at all."""
    try:
        async with asyncio.timeout(policy.READY_WITHIN.total_seconds()):
            return await question
    except (TimeoutError, DatabaseUnready, RPCError):
        return None

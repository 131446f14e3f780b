"""`/health`: the course of orders over time, the money at risk, and the workers."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from order_system.book.standing import Pulse
from order_system.domain.book import SubmissionStatus
from order_system.domain.metrics import AGES
from order_system.domain.policy import ATTENTION_AFTER
from order_system.domain.wording import in_time, so_many
from order_system.infra.temporal.connection import if_it_answers_soon
from order_system.web.pages.visit import Visit
from order_system.web.pages.words import share

router = APIRouter()
HERE = "/health"
SPANS = {"hour": ("Last hour", timedelta(hours=1)), "day": ("Last day", timedelta(days=1))}
PARTS = 30

_OLDEST_FIRST = list(reversed(AGES)).index


@dataclass(frozen=True)
class Column:
    """A column of a chart: its parts from the bottom up, in percent of the chart's height, and its words."""

    heights: Mapping[str, float]
    words: str


@dataclass(frozen=True)
class Chart:
    title: str
    top: str
    """The height of the chart, in words."""
    columns: Sequence[Column]


@router.get(HERE)
async def show(visit: Visit, since: Annotated[str, Query(max_length=20)] = "hour") -> Response:
    services, now, chosen = visit.services, visit.now, since if since in SPANS else "hour"
    began, workers = now - SPANS[chosen][1], services.attention.workers
    pulse, standing = await asyncio.gather(
        services.book.pulse(began, now, parts=PARTS),
        services.book.standing(stuck_before=now - ATTENTION_AFTER),
    )
    waiting: set[str] = set()
    server: dict[str, Any] = {"workers": None, "backlog": None}
    async with if_it_answers_soon(services.temporal):
        asked = services.lists.waiting_ids(), workers.seen(), workers.backlog()
        waiting, server["workers"], server["backlog"] = await asyncio.gather(*asked)
    return await visit.page(
        "health.html",
        place=HERE,
        calm=True,
        spans=SPANS,
        chosen=chosen,
        charts=charts_of(pulse) if any(part.counts for part in pulse) else (),
        pulse=pulse,
        at_risk=sorted(standing.at_risk(waiting, now).items(), key=lambda told: _OLDEST_FIRST(told[0][2])),
        **server,
    )


def charts_of(pulse: Sequence[Pulse]) -> tuple[Chart, ...]:
    most = max(sum(part.counts.values()) for part in pulse)
    longest = max((quantile(part.durations_ms, 0.9) or 0 for part in pulse), default=0)
    begun, failed, took = list[Column](), list[Column](), list[Column]()
    for part in pulse:
        told = [f"{number:,} {status.value}" for status, number in part.counts.items()]
        heights = {status.value: 100 * number / most for status, number in part.counts.items()}
        begun.append(Column(heights, ", ".join(told) or "none"))
        lost = part.counts.get(SubmissionStatus.FAILED, 0)
        ended = sum(part.counts.values()) - part.counts.get(SubmissionStatus.OPEN, 0)
        heights = {"failed": 100 * lost / ended} if ended else {}
        failed.append(Column(heights, f"{share(lost, ended)} of {ended:,}"))
        half, nine = (quantile(part.durations_ms, share_of) for share_of in (0.5, 0.9))
        if half is None or nine is None or not longest:
            took.append(Column({}, "none has ended"))
            continue
        heights = {"median": 100 * half / longest, "most": 100 * (nine - half) / longest}
        took.append(Column(heights, f"half within {in_time(half)}, 9 of 10 within {in_time(nine)}"))
    return (
        Chart("Orders begun", so_many(most, "order"), begun),
        Chart("Failed, of those that ended", "100 %", failed),
        Chart("From start to end: half, and 9 of 10", in_time(longest), took),
    )


def quantile(ascending: Sequence[int], part: float) -> int | None:
    """Return the smallest value that at least this part of the values does not exceed."""
    return ascending[max(0, math.ceil(part * len(ascending)) - 1)] if ascending else None

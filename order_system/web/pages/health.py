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
    return (
        Chart("Orders begun", so_many(most, "order"), [_begun(part, most) for part in pulse]),
        Chart("Failed, of those that ended", "100 %", [_failed(part) for part in pulse]),
        Chart(
            "From start to end: half, and 9 of 10", in_time(longest), [_took(part, longest) for part in pulse]
        ),
    )


def quantile(ascending: Sequence[int], part: float) -> int | None:
    """Return the smallest value that at least this part of the values does not exceed."""
    return ascending[max(0, math.ceil(part * len(ascending)) - 1)] if ascending else None


def _begun(part: Pulse, most: int) -> Column:
    told = [f"{number:,} {status.value}" for status, number in part.counts.items()]
    heights = {status.value: 100 * number / most for status, number in part.counts.items()}
    return Column(heights, ", ".join(told) or "none")


def _failed(part: Pulse) -> Column:
    failed = part.counts.get(SubmissionStatus.FAILED, 0)
    ended = sum(part.counts.values()) - part.counts.get(SubmissionStatus.OPEN, 0)
    return Column({"failed": 100 * failed / ended} if ended else {}, f"{share(failed, ended)} of {ended:,}")


def _took(part: Pulse, longest: int) -> Column:
    median, most = quantile(part.durations_ms, 0.5), quantile(part.durations_ms, 0.9)
    if median is None or most is None or not longest:
        return Column({}, "none has ended")
    heights = {"median": 100 * median / longest, "most": 100 * (most - median) / longest}
    return Column(heights, f"half within {in_time(median)}, 9 of 10 within {in_time(most)}")

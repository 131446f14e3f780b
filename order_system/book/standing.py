"""How things stand in the book: what is open and in doubt, how orders fare, and what money is at risk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, case, exists, func, literal, or_, select

from order_system.book.reading import known
from order_system.book.reconciliation import IS_IN_DOUBT, IS_OPEN, NOT_UNDONE
from order_system.book.tables import effects, submissions
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.metrics import AGES
from order_system.domain.steps import Effect
from order_system.domain.wording import milliseconds_between
from order_system.infra.database import OverDatabase, reads

Why = Literal["charged", "held", "undo_stuck", "in_doubt"]
Place = tuple[Why, str, str]
"""Reason, currency and age: the labels of the metrics."""


@dataclass(frozen=True)
class ChargedOrder:
    """An order whose charge is done or in doubt, as the book has it."""

    order_id: str
    total: int
    """Minor units."""
    currency: str
    since: datetime
    """When its charge was first tried."""
    why: Why
    """Never `held`: only the server knows which orders wait."""


@dataclass(frozen=True)
class Standing:
    """How things stand in the book at one moment."""

    open_orders: int
    in_doubt: Mapping[str, int]
    """The number of keys, by effect."""
    charged: Sequence[ChargedOrder]

    def at_risk(self, waiting: Collection[str], now: datetime) -> dict[Place, tuple[int, int]]:
        """Return how many orders and how much money, in minor units. The server names those `waiting`."""
        sums: dict[Place, tuple[int, int]] = {}
        for order in self.charged:
            age = next(name for name, most in AGES.items() if now - order.since <= most)
            why = "held" if order.why == "charged" and order.order_id in waiting else order.why
            orders, money = sums.get((why, order.currency, age), (0, 0))
            sums[why, order.currency, age] = orders + 1, money + order.total
        return sums


@dataclass(frozen=True)
class Pulse:
    """The orders that began within a short time."""

    began: datetime
    counts: Mapping[SubmissionStatus, int]
    durations_ms: Sequence[int]
    """Durations of the newest orders that have ended, ascending."""


class SqlStanding(OverDatabase):
    @reads
    def standing(self, tx: Connection, *, stuck_before: datetime) -> Standing:
        """Query a few indexes. An undo that began before `stuck_before` and has not ended is stuck."""
        open_orders = tx.execute(select(func.count()).select_from(submissions).where(IS_OPEN)).scalar_one()
        in_doubt = select(effects.c.effect, func.count()).where(IS_IN_DOUBT).group_by(effects.c.effect)
        queries = open_query(stuck_before), in_doubt_query()
        rows = (row for query in queries for row in tx.execute(query).mappings())
        charged = [ChargedOrder(**row) for row in rows]
        doubts: dict[str, int] = {effect: number for effect, number in tx.execute(in_doubt).all()}  # noqa: C416
        return Standing(open_orders, doubts, charged)

    @reads
    def pulse(self, tx: Connection, since: datetime, until: datetime, *, parts: int) -> list[Pulse]:
        """Return the pulse of each of `parts` equal parts of that time."""
        marks = [since + number * (until - since) / parts for number in range(parts + 1)]
        return [_pulse(tx, began, ended) for began, ended in pairwise(marks)]


SAMPLE = 100
"""The number of orders whose durations stand for all of their part of the time."""

_OF_ORDER: list[ColumnElement[Any]] = [
    *(submissions.c.order_id, submissions.c.total, submissions.c.currency),
    effects.c.claimed_at.label("since"),
]
_OF_CHARGE = (effects.c.effect == Effect.CHARGE) & submissions.c.total.is_not(None)


def open_query(stuck_before: datetime) -> Select[Any]:
    """Select open submissions whose charge is done or in doubt, and whose parcel is not gone."""
    other = effects.alias("other")
    ours = (other.c.order_id == submissions.c.order_id) & (other.c.submission == submissions.c.submission)
    undo_stuck = exists().where(ours, other.c.undo_ended_at.is_(None), other.c.fenced_at < stuck_before)
    in_doubt = effects.c.state == EffectState.IN_DOUBT
    only_held = (other.c.effect == Effect.CAPTURE) & (other.c.state == EffectState.CLAIMED)
    is_gone = (other.c.effect == Effect.DISPATCH) & (other.c.state == EffectState.DONE)
    why = case((undo_stuck, "undo_stuck"), (in_doubt, "in_doubt"), else_="charged").label("why")
    return (
        select(*_OF_ORDER, why)
        .join_from(submissions, effects)
        .where(IS_OPEN, _OF_CHARGE, effects.c.state.in_([EffectState.DONE, EffectState.IN_DOUBT]))
        .where(~exists().where(ours, or_(only_held, is_gone)))
    )


def in_doubt_query() -> Select[Any]:
    """Select closed submissions whose charge is in doubt."""
    query = select(*_OF_ORDER, literal("in_doubt").label("why")).join_from(effects, submissions)
    return query.where(IS_IN_DOUBT, _OF_CHARGE, submissions.c.status.not_in(NOT_UNDONE))


def _pulse(tx: Connection, began: datetime, ended: datetime) -> Pulse:
    """Count by an index alone, however many orders there are. Durations are those of a sample."""
    within = (submissions.c.opened_at >= began) & (submissions.c.opened_at < ended)
    counted = select(submissions.c.status, func.count()).where(
        submissions.c.status.in_(SubmissionStatus), within
    )
    newest = (
        select(submissions.c.opened_at, submissions.c.closed_at)
        .where(within, submissions.c.closed_at.is_not(None))
        .order_by(submissions.c.opened_at.desc())
        .limit(SAMPLE)
    )
    found = tx.execute(counted.group_by(submissions.c.status))
    counts = {known(SubmissionStatus, status): number for status, number in found}
    return Pulse(began, counts, sorted(milliseconds_between(*row) for row in tx.execute(newest)))

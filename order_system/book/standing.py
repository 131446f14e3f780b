"""How things stand in the order book: `at_risk.TellsStanding` over SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, exists, func, literal, or_, select

from order_system.book.reconciliation import IS_IN_DOUBT, IS_OPEN, NOT_UNDONE
from order_system.book.tables import effects, submissions
from order_system.domain.at_risk import ChargedOrder, Standing
from order_system.domain.book import EffectState
from order_system.domain.steps import Effect
from order_system.infra.database import OverDatabase, reads


class SqlStanding(OverDatabase):
    @reads
    def standing(self, tx: Connection, *, stuck_before: datetime) -> Standing:
        open_orders = tx.execute(select(func.count()).select_from(submissions).where(IS_OPEN)).scalar_one()
        in_doubt = select(effects.c.effect, func.count()).where(IS_IN_DOUBT).group_by(effects.c.effect)
        queries = open_query(stuck_before), in_doubt_query()
        rows = (row for query in queries for row in tx.execute(query).mappings())
        charged = [ChargedOrder(**row) for row in rows]
        return Standing(open_orders, {name: number for name, number in tx.execute(in_doubt)}, charged)


_OF_ORDER: list[ColumnElement[Any]] = [
    *(submissions.c.order_id, submissions.c.total, submissions.c.currency),
    effects.c.claimed_at.label("since"),
]
_OF_CHARGE = (effects.c.effect == Effect.CHARGE) & submissions.c.total.is_not(None)


def open_query(stuck_before: datetime) -> Select[Any]:
    """Of open submissions, those whose money is taken, or perhaps, and whose parcel is here."""
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
    """Of closed submissions."""
    query = select(*_OF_ORDER, literal("in_doubt").label("why")).join_from(effects, submissions)
    return query.where(IS_IN_DOUBT, _OF_CHARGE, submissions.c.status.not_in(NOT_UNDONE))

"""How things stand in the order book: `at_risk.TellsStanding` over SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from order_system.book.reconciliation import IS_IN_DOUBT, IS_OPEN, NOT_UNDONE
from order_system.book.tables import effects, submissions
from order_system.domain.at_risk import ChargedOrder, Standing
from order_system.domain.book import EffectState
from order_system.domain.steps import Effect
from order_system.infra.database import OverDatabase, reads

_IN_DOUBT = (effects.c.state == EffectState.IN_DOUBT).label("in_doubt")


class SqlStanding(OverDatabase):
    @reads
    def standing(self, tx: Connection, *, stuck_before: datetime) -> Standing:
        open_orders = tx.execute(select(func.count()).select_from(submissions).where(IS_OPEN)).scalar_one()
        in_doubt = select(effects.c.effect, func.count()).where(IS_IN_DOUBT).group_by(effects.c.effect)
        return Standing(
            open_orders,
            dict(tx.execute(in_doubt).tuples().all()),
            [
                ChargedOrder(**row)
                for query in (open_query(stuck_before), in_doubt_query())
                for row in tx.execute(query).mappings()
            ],
        )


def open_query(stuck_before: datetime) -> Select[Any]:
    """Of open submissions, those whose money is taken, or perhaps, and whose parcel is here."""
    undo = effects.alias("undo")
    undo_stuck = exists().where(_same(undo), undo.c.undo_ended_at.is_(None), undo.c.fenced_at < stuck_before)
    return _charges(undo_stuck.label("undo_stuck")).where(
        IS_OPEN,
        effects.c.state.in_([EffectState.DONE, EffectState.IN_DOUBT]),
        ~_has(Effect.CAPTURE, EffectState.CLAIMED),  # it is only held until then
        ~_has(Effect.DISPATCH, EffectState.DONE),
    )


def in_doubt_query() -> Select[Any]:
    """Of closed submissions."""
    stuck = (submissions.c.status == "").label("undo_stuck")
    return _charges(stuck).where(IS_IN_DOUBT, submissions.c.status.not_in(NOT_UNDONE))


def _charges(undo_stuck: ColumnElement[bool]) -> Select[Any]:
    of_submission = (submissions.c.order_id, submissions.c.total, submissions.c.currency)
    since = effects.c.claimed_at.label("since")
    columns: list[ColumnElement[Any]] = [*of_submission, since, _IN_DOUBT, undo_stuck]
    joined = select(*columns).join_from(submissions, effects)
    return joined.where(effects.c.effect == Effect.CHARGE, submissions.c.total.is_not(None))


def _same(other: Any) -> ColumnElement[bool]:
    return (other.c.order_id == submissions.c.order_id) & (other.c.submission == submissions.c.submission)


def _has(effect: Effect, state: EffectState) -> ColumnElement[bool]:
    other = effects.alias(effect.value)
    return exists().where(_same(other), other.c.effect == effect, other.c.state == state)

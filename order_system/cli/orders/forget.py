"""`starter.py forget`: delete all that tells of the customers of closed orders."""

from typing import Annotated

from cyclopts import Parameter

from order_system.cli.attention.answers import Named, who_answers
from order_system.cli.options import CLEAN, INVALID, Embedded, moment
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, open_session
from order_system.domain.answers import Summary
from order_system.domain.errors import InvalidUsage


async def forget(
    *order_ids: Annotated[str, Parameter(help="Orders that are closed.")],
    batch: Annotated[str | None, Parameter(help="All orders of this batch.")] = None,
    older_than: Annotated[
        str | None, Parameter(help="All that are closed for so long: 400d, or from before 2026-11-25.")
    ] = None,
    note: Annotated[
        str,
        Parameter(name=("--note", "--reason"), help="Why, without a word about the customer: it is kept."),
    ],
    named: Named = None,
    embedded: Embedded = False,
    screen: Screen = PEOPLE,
) -> int:
    if bool(order_ids) + (batch is not None) + (older_than is not None) != 1:
        raise InvalidUsage("say either which orders, or --batch NAME, or --older-than 400d")
    before = moment(older_than)
    async with open_session(configured(), screen, embedded=embedded) as session:
        chosen = [await session.order_meant(said) for said in order_ids]
        chosen = chosen or await session.system.book.to_forget(batch=batch, before=before)
        told = session.system.forgetting(session.temporal).all_of(chosen, who=who_answers(named), note=note)
        with screen.waiting("orders are forgotten"):
            rows = [each async for each in told]
    refused = sum(not row.accepted for row in rows)
    summary = Summary(accepted=len(rows) - refused, refused=refused, rows=tuple(rows))
    lines = [f"{row.chosen}: {row.detail}" if row.accepted else row.detail for row in rows]
    screen.answer(summary.model_dump(mode="json"), *(lines or ["there is nothing to forget"]))
    return INVALID if refused else CLEAN

"""`starter.py submit`: submit orders and follow them to their end. And `schema`: the format of an order."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Group

from order_system.cli.ending import dying_at_once
from order_system.cli.options import CLEAN, Embedded, Strict
from order_system.cli.screen import PEOPLE, Screen, now
from order_system.cli.session import Session, configured, exit_code, open_session
from order_system.cli.views import OrderResult, changes, counts, order_tree, orders_picture, results_table
from order_system.domain.errors import DatabaseUnreachable, InvalidOrder, OrderConflict, ServerUnreachable
from order_system.domain.messages import OrderStatus
from order_system.domain.money import format_amount
from order_system.domain.order import Order
from order_system.domain.progress import OrderProgress
from order_system.domain.wording import so_many
from order_system.infra.process import STARTER
from order_system.infra.temporal.executions import side_by_side
from order_system.intake.documents import MAX_BYTES
from order_system.intake.reader import order_schema, read_orders
from order_system.orders.client import OrderClient, SubmitResult, Submitted

_NOTHING = "nothing was submitted."
MOST_NAMED = 5

TREES_AT_THE_END = 5
"""So many orders at most leave their trees on the screen; for more, the table tells enough."""


async def submit(
    file: Annotated[
        str,
        Parameter(
            help="JSON: one order, an array, or one on each line. `-` is stdin.", allow_leading_hyphen=True
        ),
    ],
    /,
    *,
    embedded: Embedded = False,
    strict: Strict = False,
    screen: Screen = PEOPLE,
) -> int:
    try:
        orders = read_file(file)
    except InvalidOrder as refused:
        raise InvalidOrder(f"{_NOTHING}\n{refused}") from None
    async with open_session(configured(), screen, embedded=embedded, starts_orders=True) as session:
        for submission in await submit_all(session.client, orders):
            if submission.how is not Submitted.STARTED:
                screen.say(f"{submission.order_id} is {submission.how}; it is not started again")
        return exit_code(await follow(session, orders), strict=strict)


def schema(*, screen: Screen = PEOPLE) -> int:
    del screen  # it is JSON anyway
    Screen(as_json=True).answer(order_schema())
    return CLEAN


def read_file(name: str) -> list[Order]:
    """Read the orders in a file, or in stdin if `name` is `-`. Raises InvalidOrder."""
    # Read one byte more than is allowed: too much is refused, and an endless pipe is not read for ever.
    if name == "-":
        with dying_at_once():
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        return read_orders(content, "stdin")
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as failure:
        raise InvalidOrder(f"{name} cannot be read: {failure.strerror}") from None
    return read_orders(content, name)


async def submit_all(client: OrderClient, orders: Sequence[Order]) -> list[SubmitResult]:
    """Submit all orders or, if one is known to be in conflict beforehand, none.

    Raises OrderConflict with a line for each conflict, ServerUnreachable and DatabaseUnreachable."""
    submissions: list[SubmitResult] = []
    conflicts: list[str] = []

    async def attempt(ask: Callable[[Order], Awaitable[SubmitResult | None]], order: Order) -> None:
        try:
            if submission := await ask(order):
                submissions.append(submission)
        except OrderConflict as conflict:
            conflicts.append(str(conflict))

    await side_by_side(partial(attempt, client.check_conflict), orders)
    if conflicts:
        raise OrderConflict("\n".join([_NOTHING, *conflicts]))
    try:
        await side_by_side(partial(attempt, client.submit), orders)
    except ServerUnreachable as lost:
        raise ServerUnreachable(
            f"{lost}; {len(submissions)} of {len(orders)} orders were submitted. Submit all of them again "
            "when it is back: those that run are found, and nobody is charged twice."
        ) from None
    except DatabaseUnreachable as lost:
        raise DatabaseUnreachable(
            f"{lost}{_may_have_been_started([order.order_id for order in orders])}"
        ) from None
    if conflicts:  # somebody else submitted at the same moment
        verb = "was" if len(submissions) == 1 else "were"
        some = f"{len(submissions)} of {len(orders)} orders {verb} submitted."
        raise OrderConflict("\n".join([some if submissions else _NOTHING, *conflicts]))
    return submissions


async def follow(session: Session, orders: Sequence[Order], *, keep: bool = False) -> list[OrderProgress]:
    """Watch until each order is closed or waits for a person; then show the results. With `keep`, say that
    the embedded server stays up until Ctrl-C. Raises OrderConflict at the end if an order turns out to have
    been fulfilled with other content."""
    screen = session.screen
    latest = await _watch(session, [order.order_id for order in orders])
    conflicts: list[str] = []
    for order in orders:
        try:
            await session.client.check_content(order.order_id, order.fingerprint())
        except OrderConflict as conflict:
            conflicts.append(str(conflict))
            refused = {"status": OrderStatus.FAILED, "reason": str(conflict), "note": None}
            latest[order.order_id] = latest[order.order_id].model_copy(update=refused)
    results: list[OrderResult] = []
    for order, progress in ((each, latest[each.order_id]) for each in orders):
        total = format_amount(order.total, order.currency)
        link = session.page(progress.workflow_id, progress.run_id)
        fulfilled = progress.status is OrderStatus.FULFILLED
        outcome = await session.system.book.outcome(order.order_id) if fulfilled else None
        results.append(OrderResult(progress, total, outcome, link))
    documents = [result.order.model_dump(mode="json") for result in results]
    screen.answer(documents, results_table(results, now()))
    if keep:
        screen.say(f"Temporal's Web UI is up at {session.ui_url} until Ctrl-C.")
    if not screen.as_json:
        if session.owns_server and not keep:
            screen.say(f"Temporal's Web UI ends with this command. To open it: {STARTER} serve --embedded")
        else:
            for result in results:
                if result.link:
                    screen.say(f"{result.order.order_id}  {result.link}")
        if any(result.order.status is OrderStatus.NEEDS_ATTENTION for result in results):
            screen.say(f"What waits for a person, and how to answer: {STARTER} attention")
        if len(results) > 1:
            screen.say(f"{len(results)} orders: {counts([result.order for result in results])}")
    if conflicts:
        raise OrderConflict("\n".join(conflicts))
    return [result.order for result in results]


async def _watch(session: Session, order_ids: Sequence[str]) -> dict[str, OrderProgress]:
    """Show how the orders go on: a line for each change, on a terminal a picture. Few leave their trees."""
    latest: dict[str, OrderProgress] = {}
    screen, few = session.screen, len(order_ids) <= TREES_AT_THE_END
    try:
        async with session.watching(every_word=True, stays=few) as show:
            async for orders in session.client.watch(order_ids):
                told = [line for name in orders for line in changes(latest.get(name), orders[name])]
                show(orders_picture([*orders.values()], now(), rows=screen.rows), "\n".join(told))
                latest = orders
            if few:
                show(Group(*(order_tree(order, now()) for order in latest.values())), "")
    except asyncio.CancelledError:
        running = [name for name in order_ids if name not in latest or not latest[name].closed]
        if running:
            who = so_many(len(running), "order goes on", "orders go on")
            when = "when --embedded is used again" if session.embedded else "without us"
            screen.say(f"{who} {when}: {STARTER} status {running[0]}")
        raise
    except ServerUnreachable as lost:
        raise ServerUnreachable(f"{lost}. The orders go on when it is back: {STARTER} status") from None
    except DatabaseUnreachable as lost:
        raise DatabaseUnreachable(f"{lost}{_may_have_been_started(order_ids)}") from None
    return latest


def _may_have_been_started(order_ids: Sequence[str]) -> str:
    names = ", ".join(order_ids[:MOST_NAMED]) + (", ..." if len(order_ids) > MOST_NAMED else "")
    return (
        f"\n{names} may have been started. To look, when it is back: {STARTER} status {order_ids[0]}. "
        "Or submit again: what runs is found, and nobody is charged twice."
    )

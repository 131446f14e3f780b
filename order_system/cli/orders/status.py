"""`starter.py status`: one order in full, from its workflow, or from the book when no server answers. And
`cancel`: cancel an order, and show the verdict."""

from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from order_system.attention.concerns import concerns_of
from order_system.bootstrap import open_order_system
from order_system.cli.options import Embedded, OrderId, Strict
from order_system.cli.screen import PEOPLE, Screen, now
from order_system.cli.session import configured, exit_code, open_session, order_meant
from order_system.cli.views import OrderResult, headline, order_tree, result_lines
from order_system.domain.answers import AnsweredAs
from order_system.domain.errors import ServerUnreachable
from order_system.domain.progress import OrderProgress
from order_system.infra.process import STARTER
from order_system.infra.settings import Settings
from order_system.orders.details import OrderDetails
from order_system.orders.in_book import in_book_alone


async def status(
    order_id: OrderId,
    /,
    *,
    watch: Annotated[bool, Parameter(help="Go on showing it until the order is closed.")] = False,
    embedded: Embedded = False,
    strict: Strict = False,
    screen: Screen = PEOPLE,
) -> int:
    result = await _read(configured(), screen, order_id, embedded=embedded, watch=watch)
    _show(screen, result)
    return exit_code([result.order], strict=strict)


async def cancel(order_id: OrderId, /, *, embedded: Embedded = False, screen: Screen = PEOPLE) -> int:
    async with open_session(configured(), screen, embedded=embedded) as session:
        order_id = await session.order_meant(order_id)
        answer, order = await screen.heard(
            session.client.cancel(order_id),
            f"waiting for the answer about {order_id}",
            f"{order_id} has not answered yet: undoing takes long, or no worker runs (see {STARTER} "
            "attention). A cancel that the server has is carried out without us",
        )
        screen.answer({"verdict": answer, "order": order.model_dump(mode="json")}, f"{order_id}: {answer}")
        show_commands(screen, order)
        return exit_code([order])


async def _read(
    settings: Settings, screen: Screen, order_id: str, *, embedded: bool, watch: bool
) -> OrderResult:
    """Read the order; with `watch`, once it is closed. Raises UnknownOrder, and ServerUnreachable unless the
    book has the order as closed. One that is open in the book is shown before."""
    try:
        async with open_session(settings, screen, embedded=embedded) as session:
            order_id = await session.order_meant(order_id)
            order = await session.client.status(order_id)
            if watch and not order.closed:  # show it until then, also while it waits for a person
                async with session.watching() as show:
                    async for documents in session.client.watch([order_id], lambda seen: seen.closed):
                        [order] = documents.values()
                        show(order_tree(order, now()), headline(order, now()).plain)
            order = await session.client.in_full(order)
            link = None if session.owns_server else session.page(order.workflow_id, order.run_id)
            return OrderResult(order, outcome=await session.system.book.outcome(order_id), link=link)
    except ServerUnreachable:
        async with open_order_system(settings) as system:
            order_id = await order_meant(order_id, system.book)
            order = await in_book_alone(system.book, order_id, open_too=True)
            if order is None:
                raise
            result = OrderResult(order, outcome=await system.book.outcome(order_id))
            if not order.closed:
                _show(screen, result)
                raise
            return result


def _show(screen: Screen, result: OrderResult) -> None:
    details = [*result_lines(result), *([str(result.outcome.payment)] if result.outcome else [])]
    for each in result.order.answered if isinstance(result.order, OrderDetails) else ():
        if each.answer in (AnsweredAs.FORGETTING, AnsweredAs.FORGOTTEN):
            details.append(f"{each.answer} on {each.at:%Y-%m-%d %H:%M} UTC by {each.who}: {each.note}")
    tree = order_tree(result.order, now())
    screen.answer(result.order.model_dump(mode="json"), tree, *map(Text, details))
    show_commands(screen, result.order)
    if result.link and not screen.as_json:
        screen.say(result.link)


def show_commands(screen: Screen, order: OrderProgress) -> None:
    """If the order waits for a person, show the commands that answer it, ready to be copied."""
    concerns = list(concerns_of(order))
    if screen.as_json or not concerns:
        return
    screen.say("It waits for a person; answer with one of these:")
    for concern in concerns:
        for command in concern.commands:
            screen.say(f"  {command}")

"""`starter.py attention`: what waits for a person, since when and why, and the commands that answer it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import RenderableType, group
from rich.text import Text

from order_system.attention.concerns import Concern, ConcernKind
from order_system.attention.what_waits import sums_of
from order_system.bootstrap import open_order_system
from order_system.cli.ending import until_interrupted
from order_system.cli.options import ATTENTION, CLEAN, Embedded
from order_system.cli.screen import PEOPLE, Screen, now
from order_system.cli.session import configured, open_session, server_if_any
from order_system.cli.tables import facts_of
from order_system.cli.views import hold_words
from order_system.domain.errors import InvalidUsage, ServerUnreachable
from order_system.domain.wording import so_many, time_between
from order_system.infra import policy
from order_system.infra.temporal.connection import outlasting

_WAIT = ("thing waits for a person", "things wait for a person")

MAX_SHOWN = 100
"""The most concerns shown to people; `--json` has them all."""

_BROKEN = (ConcernKind.BUG, ConcernKind.ABANDONED, ConcernKind.BATCH_FAILED)
_RED = (*_BROKEN, ConcernKind.NO_WORKER, ConcernKind.BOOK, ConcernKind.RECONCILER_ASLEEP)


async def attention(
    *,
    watch: Annotated[bool, Parameter(help="Go on showing it until Ctrl-C.")] = False,
    embedded: Embedded = False,
    screen: Screen = PEOPLE,
) -> int:
    if watch and screen.as_json:
        raise InvalidUsage("--watch is for people: leave out --json, and ask again and again")
    settings = configured()
    found: list[Concern] = []
    quiet = ""
    try:
        async with open_session(settings, screen, embedded=embedded) as session:

            async def look() -> None:
                nonlocal found, quiet
                found = [each async for each in session.attention.attention()]
                quiet = "" if found or screen.as_json else await session.attention.all_quiet()

            async def look_again_and_again(show: Callable[[RenderableType, str], None]) -> None:
                while True:
                    await outlasting(look)
                    show(concerns_view(found, quiet), so_many(len(found), *_WAIT))
                    await asyncio.sleep(policy.ATTENTION_RENEWED.total_seconds())

            if watch:
                async with session.watching() as show:
                    await until_interrupted(look_again_and_again(show))
            else:
                with screen.waiting("looking for what waits for a person"):
                    await look()
    except ServerUnreachable:
        if not screen.as_json:  # a program would take the part that the book knows for the whole
            async with open_order_system(settings) as system:
                found = await system.attention_client(await server_if_any(settings)).in_book_alone()
            screen.show(concerns_view(found, "The book shows nothing that waits for a person."))
            screen.say("The book has undos and refunds alone: what else waits, only the server knows.")
        raise
    screen.answer([each.model_dump(mode="json") for each in found], concerns_view(found, quiet))
    return ATTENTION if found else CLEAN


@group()
def concerns_view(found: Sequence[Concern], quiet: str) -> Iterator[RenderableType]:
    """Show a block for each concern, since a command that a table breaks into lines cannot be copied. If
    there is none, show `quiet`."""
    if not found:
        yield Text(quiet, style="green")
        return
    for concern in found[:MAX_SHOWN]:
        line = Text(concern.order_id or concern.workflow_id or concern.server or "worker.py", style="bold")
        line.append(f"  {concern.words}", style="bold red" if concern.kind in _RED else "bold magenta")
        if concern.since:
            line.append(f"  for {time_between(concern.since, now())}", style="dim")
        if concern.money:
            line.append(f"  {concern.money}")
        yield line
        yield facts_of((name, Text(text)) for name, text in _facts(concern))
        for command in concern.commands:
            yield Text(f"  {command}", style="bold", no_wrap=True, overflow="ignore")
        yield Text()
    if len(found) > MAX_SHOWN:
        yield Text(f"... and {len(found) - MAX_SHOWN:,} more; --json lists them all")
    yield from map(Text, sums_of(found))
    yield Text(so_many(len(found), *_WAIT))


def _facts(concern: Concern) -> Iterator[tuple[str, str]]:
    if concern.reason:
        yield "why", concern.reason
    if tried := concern.tried:
        due = f"; next in {time_between(now(), concern.next_attempt_at)}" if concern.next_attempt_at else ""
        yield (
            "tried",
            f"{tried.activity}, attempt {tried.last_number}, {time_between(tried.ended_at, now())} ago{due}",
        )
    if concern.customer:
        yield "customer", f"{concern.customer.name}, {concern.customer.email}"
    for receipt in concern.receipts:
        yield receipt.effect, f"{receipt.reference or 'no ID'}, {receipt.words}"
        yield "key", receipt.key
        if receipt.link:
            yield "see", receipt.link
    if concern.key:
        yield "refund's key", concern.key
    if concern.taken_by and concern.taken_at:
        yield "on it", f"{concern.taken_by} for {time_between(concern.taken_at, now())}"
    if concern.held_until:
        yield "until", hold_words(concern.held_until, now())
    if concern.batch and concern.order_id:
        yield "batch", concern.batch
    if concern.kind is ConcernKind.BUG:
        yield "workflow", concern.workflow_id
    if concern.cure:
        yield "cure", concern.cure

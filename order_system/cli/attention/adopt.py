"""`starter.py adopt`: take over what a Temporal server that is gone has left in the order book."""

from typing import Annotated

from cyclopts import App, Parameter

from order_system.attention.finder import so_many
from order_system.cli.attention.answers import DEFAULTS, Options
from order_system.cli.ending import dying_at_once
from order_system.cli.help import text_of
from order_system.cli.options import CLEAN
from order_system.cli.screen import Screen
from order_system.cli.session import configured, open_session
from order_system.domain.answers import Answer, flaw_in
from order_system.domain.errors import InvalidUsage

_WARNING = "Is that server gone for good? Two servers at work on one order could undo what the other does."


adopt = App(name="adopt", help_epilogue=text_of("adopt").format(warning=_WARNING))


@adopt.default
async def adopt_orders(
    server: Annotated[str, Parameter(help="Its UUID, as `attention` shows it.")],
    /,
    *,
    yes: Annotated[bool, Parameter(help="It is gone for good: do not ask.")] = False,
    options: Options = DEFAULTS,
) -> int:
    if flaw := flaw_in(Answer(who=options.who, note=options.note)):
        raise InvalidUsage(flaw)
    screen = Screen(as_json=options.as_json)
    if not yes and not (screen.has_a_person and _confirmed(screen)):
        raise InvalidUsage(f"nothing was adopted. {_WARNING} Then say --yes")
    async with open_session(configured(), screen, embedded=options.embedded) as session:
        abandoned = session.system.abandoned(session.temporal)
        adopted = await abandoned.adopt(server, who=options.who, note=options.note)
    screen.answer(
        {"server": server, "adopted": adopted},
        f"{so_many(adopted, 'submission was', 'submissions were')} adopted. "
        "The reconciler settles what is open with its next run; "
        "`python starter.py reconcile` does it now",
    )
    return CLEAN


def _confirmed(screen: Screen) -> bool:
    screen.say(f"{_WARNING} [y/N]")
    with dying_at_once():
        return input().strip().lower() in ("y", "yes")

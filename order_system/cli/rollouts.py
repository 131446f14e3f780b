"""`starter.py rollout`: check whether a build of the workers may go on, and move waiting orders to it."""

from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Group
from rich.progress import MofNCompleteColumn
from rich.text import Text

from order_system.audit.report import audit_now
from order_system.cli.help import MORE_HELP
from order_system.cli.options import ATTENTION, CLEAN
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, open_session
from order_system.domain.errors import InvalidUsage
from order_system.infra.changes import note
from order_system.infra.temporal.connection import reaching_server
from order_system.infra.temporal.deployment import BUILD, NAME, in_full, this_version
from order_system.orders.on_server import TemporalOrderRuns
from order_system.rollouts.gate import Gate, Verdict, replay_all
from order_system.rollouts.moving import Mover

rollout = App(name="rollout", help_epilogue=MORE_HELP)
From = Annotated[str | None, Parameter(name="--from", help="A build ID: all that is open on that build.")]


@rollout.command
async def check(*, screen: Screen = PEOPLE) -> int:
    """Tell whether this build may go on. Run it from the build's own code, before each ramp. Exit code 1: no.

    It replays every open workflow, audits the order book, and compares the orders
    that the build has run with those of others. It changes nothing."""
    version = this_version()
    async with open_session(configured(), screen) as session, reaching_server():
        system, gate = session.system, Gate(session.temporal, session.system.task_queue, in_full(version))
        with screen.waiting("auditing"):
            audit = await audit_now(system.book, system.world, TemporalOrderRuns(session.temporal))
        runs = await gate.to_replay()
        with screen.reading("replaying", len(runs), MofNCompleteColumn()) as tell:
            verdict = await gate.verdict(audit, runs, await replay_all(session.temporal, runs, tell))
    screen.answer(verdict.model_dump(mode="json"), _view(verdict))
    return CLEAN if verdict.passed else ATTENTION


@rollout.command
async def move(*, of_build: From = None, screen: Screen = PEOPLE) -> int:
    """Take held and stuck orders to this build, with their children, and their batch. Safe to repeat.

    Run it from the build's own code: each is replayed first. Exit code 1: something was not moved."""
    if (version := this_version()) is None:
        raise InvalidUsage(f"set {NAME} and {BUILD}: they name the version to move to")
    async with open_session(configured(), screen) as session:
        with screen.waiting("replaying, and moving what replays"):
            came = await Mover(session.temporal, session.attention, version).move(of_build)
    lines = [f"{each}: {f'not moved: {why}' if why else 'moved'}" for each, why in came.items()]
    moved = [each for each, why in came.items() if not why]
    for each, why in came.items():
        note("move", each, f"refused: {why}" if why else f"moved to {in_full(version)}")
    screen.answer(
        {"moved": moved, "not_moved": {each: why for each, why in came.items() if why}},
        _lines(*(lines or ["nothing to move"])),
    )
    return CLEAN if len(moved) == len(came) else ATTENTION


def _view(verdict: Verdict) -> Group:
    ours, others = (f"{each.failed} of {each.of}" for each in (verdict.ours, verdict.others))
    closed = verdict.not_opened
    left_out = f"; {closed} more are sealed by a key that ORDER_KEYS has not, or no more" if closed else ""
    return _lines(
        f"{verdict.replayed} histories, of which {len(verdict.does_not_replay)} do not replay{left_out}",
        *(f"    {which}: {why}" for which, why in verdict.does_not_replay.items()),
        f"{len(verdict.audit_violations)} violations in the audit",
        *(f"    {violation}" for violation in verdict.audit_violations),
        f"{verdict.stuck_on_a_bug} workflows of this build are stuck, on a bug or for lack of a key",
        f"{ours} orders of this build failed, {others} of others: {verdict.canary}",
        f"{verdict.version or 'this build'} {'may go on' if verdict.passed else 'may NOT go on'}",
    )


def _lines(*lines: str) -> Group:
    return Group(Text("\n".join(lines), no_wrap=True, overflow="ignore"))

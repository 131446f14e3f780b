"""`starter.py audit` and `migrate`: compare the order book with the outside world, and migrate its tables."""

from collections.abc import Iterator

from rich.console import group
from rich.text import Text

from order_system.audit.report import AuditReport, UnsettledEffect, audit_now
from order_system.bootstrap import migrate_database, open_order_system
from order_system.cli.options import ATTENTION, CLEAN
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured
from order_system.domain.errors import ServerUnreachable
from order_system.infra.process import STARTER
from order_system.infra.temporal.connection import connect, reaching_server
from order_system.infra.temporal.servers import server_of
from order_system.orders.on_server import TemporalOrderRuns

MAX_VIOLATIONS = 10
"""The most violations shown of each check; `--json` has them all."""


async def audit(*, screen: Screen = PEOPLE) -> int:
    async with open_order_system(configured()) as system:
        runs = None
        try:
            async with reaching_server():
                temporal = await connect()
                await server_of(temporal)  # raises if the namespace is missing: it would seem empty
            runs = TemporalOrderRuns(temporal)
        except ServerUnreachable:
            screen.say("no Temporal server answers: what has completed there was not compared")
        async with reaching_server():
            report = await audit_now(system.book, system.world, runs)
    screen.answer(report.model_dump(mode="json"), audit_view(report))
    return CLEAN if report.clean else ATTENTION


async def migrate(*, screen: Screen = PEOPLE) -> int:
    database = await migrate_database(configured())
    screen.answer({"database": database}, f"{database} is up to date")
    return CLEAN


@group()
def audit_view(report: AuditReport) -> Iterator[Text]:
    submissions = ", ".join(f"{number} {status}" for status, number in sorted(report.submissions.items()))
    effects = ", ".join(f"{number} {kind}" for kind, number in report.effects.items() if number)
    yield Text(f"The book has {submissions or 'no orders'}.")
    yield Text(f"The world has {effects or 'nothing'}.")
    if report.not_told:
        yield Text(f"Not compared, as ORDER_STATEMENT does not tell: {', '.join(report.not_told)}.", "yellow")
    for check in report.checks:
        yield Text(f"✓ {check.name}", style="green") if check.holds else Text(f"✗ {check.name}", style="red")
        for violation in check.violations[:MAX_VIOLATIONS]:
            yield Text(f"    {violation}")
        if len(check.violations) > MAX_VIOLATIONS:
            yield Text(f"    ... and {len(check.violations) - MAX_VIOLATIONS} more")
        if not check.holds:
            yield Text(f"    what to do: {check.cure}", style="yellow")
    for submission in report.open_submissions:
        yield Text(f"open since {submission.opened_at:%Y-%m-%d %H:%M:%S} UTC: {submission.order_id}")
    for effect in report.in_doubt:
        yield Text(f"in doubt: {_by_the_world(effect)}")
    for effect in report.handled:
        when = f" at {effect.at:%Y-%m-%d %H:%M:%S} UTC" if effect.at else ""
        who_and_why = f" by {effect.by or 'somebody'}{when}{f': {effect.note}' if effect.note else ''}"
        yield Text(f"handled{who_and_why} ({_by_the_world(effect)})")
    yield from map(Text, report.refunds)
    if report.open_submissions or report.in_doubt:
        yield Text(
            f"{STARTER} reconcile settles what no workflow is at work on, and asks for what is in doubt"
        )
    broken = sum(not check.holds for check in report.checks)
    result = "clean: book and world agree" if report.clean else f"BROKEN: {broken} of {len(report.checks)}"
    yield Text(result, style="bold green" if report.clean else "bold red")


def _by_the_world(effect: UnsettledEffect) -> str:
    told = {True: "which happened", False: "which did not happen", None: "of which nothing is told"}
    return f"{effect.effect} of {effect.order_id}, {told[effect.in_world]} by the world's account"

"""`starter.py reconcile`: run the reconciler once, now, and show what it did."""

from collections.abc import Iterator

from rich.console import RenderableType, group
from rich.table import Column
from rich.text import Text

from order_system.cli.options import ATTENTION, CLEAN, Embedded
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, open_session
from order_system.cli.tables import FittingTable
from order_system.domain.errors import ReconciliationFailed
from order_system.domain.reconciliation import ReconciliationReport, Tally
from order_system.domain.wording import so_many
from order_system.infra.changes import note
from order_system.infra.process import STARTER


async def reconcile(*, embedded: Embedded = False, screen: Screen = PEOPLE) -> int:
    async with open_session(configured(), screen, embedded=embedded) as session:
        reconciler = session.system.reconciler(session.temporal)
        try:
            started = await reconciler.start()
            note("reconcile", "all that is left over", "started")
            report = await screen.heard(
                reconciler.report(started),
                f"{started.id} is at work",
                f"{started.id} is not done yet; it needs a worker, and goes on without us",
            )
        except ReconciliationFailed as failed:
            screen.say(f"{failed}; what was settled until then stays so")
            return ATTENTION
    screen.answer(report.model_dump(mode="json"), report_view(report))
    return ATTENTION if report.unsettled else CLEAN


@group()
def report_view(report: ReconciliationReport) -> Iterator[RenderableType]:
    """Show people a row for each order that the reconciler handled, and a line that sums up."""
    columns = (Column("Order", no_wrap=True), Column("What became of it", no_wrap=True))
    table = FittingTable(*columns, Column("Detail", overflow="fold"))
    for name, style, tally in _kinds(report):
        for found in tally.orders:
            table.add_row(found.order_id, Text(name, style=style), found.detail)
        if tally.count > len(tally.orders):
            table.add_row("...", Text(name, style=style), f"and {tally.count - len(tally.orders)} more")
    if table.row_count:
        yield table
    yield Text(
        f"{report.submissions_looked_at} open on this server: {report.left_alone.count} with an open "
        f"workflow left alone, {report.settled.count} settled, {report.fulfilled.count} found fulfilled, "
        f"{report.not_yet.count} not yet"
    )
    if report.keys_asked:
        yield Text(f"{so_many(report.keys_asked, 'effect in doubt was', 'effects in doubt were')} asked for")
    owed = report.notices_owed.count
    if again := report.unsettled - owed:
        yield Text(f"{again} NOT SETTLED YET: the next run goes on with it", style="bold red")
    if owed:
        yield Text(
            f"{so_many(owed, 'CUSTOMER WAS', 'CUSTOMERS WERE')} NOT TOLD. "
            "The next run tries again, but cannot where Temporal, or a lost key, has forgotten whom to tell: "
            "tell them yourself, and say so with "
            f'`{STARTER} resolve ORDER notification --handled --note "..."`',
            style="bold red",
        )
    if not report.unsettled:
        yield Text("nothing is left that could be settled now", style="bold green")


def _kinds(report: ReconciliationReport) -> Iterator[tuple[str, str, Tally]]:
    """Yield the kinds of results that have rows of their own: something was done, or is still to be done."""
    yield "settled", "green", report.settled
    yield "fulfilled", "green", report.fulfilled
    yield "had happened: given back", "green", report.doubts_undone
    yield "no longer in doubt", "green", report.doubts_ended
    yield "still in doubt", "yellow", report.doubts_left
    yield "gateway could not tell", "red", report.doubts_unanswered
    yield "not yet", "red", report.not_yet
    yield "customer told", "green", report.notices_sent
    yield "customer not told", "red", report.notices_owed

"""What a command has to say at the end: tables for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import group
from rich.text import Text

from order_system.audit.report import AuditReport, HandledEffect, UnsettledEffect
from order_system.cli.tables import FittingTable
from order_system.cli.views import STATUS_STYLE, cause
from order_system.domain.durations import in_time
from order_system.domain.messages import OrderOutcome, OrderStatus
from order_system.domain.progress import OrderProgress, UndoState
from order_system.gateways.simulated.scenarios import Scenario

MAX_VIOLATIONS = 10
"""Shown of each check; `--json` has them all."""


@dataclass(frozen=True)
class OrderResult:
    order: OrderProgress
    total: str | None = None
    """For people: `1059.97 USD`."""
    outcome: OrderOutcome | None = None
    """What it came to, if it is fulfilled."""
    link: str | None = None
    """Its page in Temporal's Web UI; None if only the book remembers it."""


def results_table(results: Sequence[OrderResult], now: datetime) -> FittingTable:
    table = FittingTable(header_style="bold")
    for column in ("Order", "Status", "Total"):
        table.add_column(column, no_wrap=True)
    table.add_column("Result", overflow="fold")
    table.add_column("Time", justify="right", no_wrap=True)
    for result in results:
        order = result.order
        taken = order.taken(now)
        table.add_row(
            order.order_id,
            Text(order.status_words, style=STATUS_STYLE[order.status]),
            result.total or "",
            Text("\n".join([*result_lines(result), *_hold_and_note(order)])),
            in_time(taken) if taken is not None else "",
        )
    return table


def _hold_and_note(order: OrderProgress) -> Iterator[str]:
    """Which the tree of one order shows by itself."""
    if order.held_until:
        yield f"held until {order.held_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if order.note:
        yield order.note


def result_lines(result: OrderResult) -> Iterator[str]:
    """What came of an order: its parcel, or why it failed, what was given back and what is still owed."""
    order = result.order
    if result.outcome and (tracking := result.outcome.parcel.tracking_number):
        yield f"tracking {tracking}"
    if order.reason:
        yield cause(order)
    if order.status is not OrderStatus.FULFILLED:
        ended = (UndoState.DONE, UndoState.HANDLED)
        done = [undo for undo in order.undos if undo.status in ended]
        if done:
            yield f"undone: {', '.join(f'{undo.step} ({undo.reason})' for undo in done)}"
        for undo in order.undos:
            if undo.status not in ended:
                yield f"undo of {undo.step} {undo.status}{f': {undo.reason}' if undo.reason else ''}"


def scenarios_table(scenarios: Mapping[str, Scenario]) -> FittingTable:
    table = FittingTable(header_style="bold")
    table.add_column("Scenario", no_wrap=True)
    table.add_column("What happens")
    table.add_column("The order ends", no_wrap=True)
    for name, scenario in scenarios.items():
        status = Text(scenario.status.replace("_", " "), style=STATUS_STYLE[scenario.status])
        table.add_row(name, Text(scenario.story), status)
    return table


# --- the audit ------------------------------------------------------------------------------------


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
    yield from map(_by_hand, report.handled)
    yield from map(Text, report.refunds)
    if report.open_submissions or report.in_doubt:
        yield Text(
            "starter.py reconcile settles what no workflow is at work on, and asks for what is in doubt"
        )
    broken = sum(not check.holds for check in report.checks)
    result = "clean: book and world agree" if report.clean else f"BROKEN: {broken} of {len(report.checks)}"
    yield Text(result, style="bold green" if report.clean else "bold red")


def _by_hand(effect: HandledEffect) -> Text:
    when = f" at {effect.at:%Y-%m-%d %H:%M:%S} UTC" if effect.at else ""
    who_and_why = f" by {effect.by or 'somebody'}{when}{f': {effect.note}' if effect.note else ''}"
    return Text(f"handled{who_and_why} ({_by_the_world(effect)})")


def _by_the_world(effect: UnsettledEffect) -> str:
    told = {True: "which happened", False: "which did not happen", None: "of which nothing is told"}
    return f"{effect.effect} of {effect.order_id}, {told[effect.in_world]} by the world's account"

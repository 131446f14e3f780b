"""Shows people orders that run: trees on a terminal, elsewhere a line for each change. And their results.

This only renders order documents. A customer's name and address are never shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import RenderableType, group
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text
from rich.tree import Tree

from order_system.cli.tables import FittingTable
from order_system.domain.listing import OrderSummary
from order_system.domain.messages import OrderOutcome, OrderStatus
from order_system.domain.progress import OrderProgress, StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.steps import Step
from order_system.domain.wording import in_time, time_between

_OF_COLOURS = {
    "cyan": ("running", "left_out"),
    "green": ("fulfilled", "completed"),
    "red": ("failed", "timed_out", "rejected", "invalid"),
    "yellow": ("cancelled", "conflicting", "duplicate"),
    "bold magenta": ("needs_attention", "needing_attention", "terminated"),
    "dim": ("pending", "skipped"),
}
STYLES = {state: colour for colour, states in _OF_COLOURS.items() for state in states}
"""The colour of each state of an order, a workflow, or a row of a file."""
_MARKS = {StepState.PENDING: "·", StepState.SKIPPED: "-", StepState.RUNNING: "▸", StepState.COMPLETED: "✓"}
_UNDO_MARKS = {UndoState.DONE: "↩", UndoState.PENDING: "↩", UndoState.HANDLED: "✓", UndoState.STUCK: "!"}
_TREE_LINES = 1 + len(Step)
_STEP_WIDTH = 1 + max(map(len, Step))


def status_text(status: str, words: str = "") -> Text:
    """Show a status in its colour, in these words or its own."""
    return Text(words or status.replace("_", " "), style=STYLES.get(status.replace(" ", "_"), ""))


# --- one order ------------------------------------------------------------------------------------


def order_tree(order: OrderProgress, now: datetime, *, whole: bool = True) -> Tree:
    """Draw the parent and its children: state, time taken, attempts, why it failed, what was undone.

    Unless `whole`, each takes one line, however long its reason is."""
    tree = Tree(_name_and_status(order, now), guide_style="dim")
    undos = {undo.step: undo for undo in order.undos}
    for step in order.children:
        line = _step_line(step, undos.get(step.step), now)
        line.no_wrap, line.overflow = not whole, "fold" if whole else "ellipsis"
        tree.add(line)
    if order.held_until:
        words = f"held until {hold_words(order.held_until, now)}"
        tree.add(Text(words, style="bold magenta", no_wrap=not whole, overflow="ellipsis"))
    if whole:
        for answer in order.answers:
            tree.add(Text(f"answered: {answer}", style="yellow"))
        for refund in order.refunds:
            tree.add(Text(str(refund), style="yellow"))
    if order.note:
        tree.add(Text(order.note, style="yellow", no_wrap=not whole, overflow="ellipsis"))
    return tree


def headline(order: OrderProgress, now: datetime) -> Text:
    """Show the order in one line: why it fails, or else where it is."""
    line = _name_and_status(order, now)
    at = [step.step for step in order.children if step.status is StepState.RUNNING]
    line.append(f"  {cause(order) or ', '.join(at)}", style="dim")
    return line


def _name_and_status(order: OrderProgress, now: datetime) -> Text:
    line = Text(order.order_id, style="bold", no_wrap=True, overflow="ellipsis")
    line.append(f"  {order.status_words}", style=STYLES[order.status])
    if (taken := order.taken(now)) is not None:
        line.append(f"  {in_time(taken)}", style="dim")
    return line


def _step_line(step: StepProgress, undo: UndoProgress | None, now: datetime) -> Text:
    mark, style = _MARKS.get(step.status, "✗"), STYLES[step.status]
    line = Text(f"{step.step:<{_STEP_WIDTH}}")
    line.append(f"{mark} {step.status.replace('_', ' '):<10}", style=style)
    running = step.status is StepState.RUNNING
    taken = step.lasted(now if running else None)
    line.append(f"{'' if taken is None else in_time(taken):>8}")
    if step.attempts is not None and step.attempts > 1:
        line.append(f"  attempt {step.attempts}" if running else f"  {step.attempts} attempts")
    if step.reason:
        line.append(f"  {step.reason}", style=style)
    if undo is not None:
        words = f"  {_UNDO_MARKS[undo.status]} {undo.words}"
        line.append(words, style="magenta" if undo.status is UndoState.STUCK else "yellow")
    return line


def cause(order: OrderProgress | OrderSummary) -> str:
    """Return what stopped it. Of an order that was forgotten there is only the step."""
    return ": ".join(filter(None, (order.failed_step, order.reason)))


def hold_words(until: datetime, now: datetime) -> str:
    """Return a text like `2025-03-01 14:00 UTC, for another 1 h 58 m; then it is undone`."""
    left = time_between(now, until)
    return f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC, for another {left}; then it is undone"


# --- many orders, live ----------------------------------------------------------------------------


@group()
def orders_picture(orders: Sequence[OrderProgress], now: datetime, *, rows: int) -> Iterator[RenderableType]:
    """Show as many orders as fit into `rows` lines: first those under way and those that need a person. Below
    several, a line tells how many have ended."""
    several = len(orders) > 1
    rows = max(1, rows - several)
    urgency = (OrderStatus.NEEDS_ATTENTION, OrderStatus.TERMINATED, OrderStatus.RUNNING)
    urgent_first = sorted(orders, key=lambda order: order.status not in urgency)
    shown = {order.order_id for order in urgent_first[:rows]}
    left = rows - len(shown)
    in_full: set[str] = set()
    for order in urgent_first[:rows]:
        # A hold and a note take one more line each.
        lines = _TREE_LINES - 1 + bool(order.note) + bool(order.held_until)
        if lines > left:
            break
        left -= lines
        in_full.add(order.order_id)
    for order in orders:
        if order.order_id in in_full:
            yield order_tree(order, now, whole=False)
        elif order.order_id in shown:
            yield headline(order, now)
    if several:
        total, closed = len(orders), sum(order.status is not OrderStatus.RUNNING for order in orders)
        line = Table.grid(padding=(0, 2))
        line.add_row(f"{closed}/{total}", ProgressBar(total, closed, width=30), counts(orders))
        yield line


def counts(orders: Sequence[OrderProgress]) -> Text:
    parts = [
        status_text(status, f"{number} {status.replace('_', ' ')}")
        for status in OrderStatus
        if (number := sum(order.status is status for order in orders))
    ]
    return Text(" · ").join(parts)


# --- where there is no terminal -------------------------------------------------------------------


def changes(before: OrderProgress | None, after: OrderProgress) -> Iterator[str]:
    name = after.order_id
    steps = {step.step: step for step in before.children} if before else {}
    for step in after.children:
        earlier = steps.get(step.step)
        if step.status in (StepState.PENDING, StepState.SKIPPED):
            continue
        if earlier and (earlier.status, earlier.attempts or 1) == (step.status, step.attempts or 1):
            continue
        tries = f", attempt {step.attempts}" if step.attempts and step.attempts > 1 else ""
        time = f" in {in_time(step.duration_ms)}" if step.duration_ms is not None else ""
        why = f": {step.reason}" if step.reason else ""
        yield f"{name} {step.step} {step.status.replace('_', ' ')}{time}{tries}{why}"
    undos = {undo.step: undo.status for undo in before.undos} if before else {}
    for undo in after.undos:
        if undos.get(undo.step) is not undo.status:
            yield f"{name} undo of {undo.step} {undo.status}{f': {undo.reason}' if undo.reason else ''}"
    for answer in after.answers[len(before.answers) if before else 0 :]:
        yield f"{name} answered: {answer}"
    if after.held_until and (before is None or before.held_until is None):
        yield f"{name} held until {after.held_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if after.note and (before is None or before.note != after.note):
        yield f"{name} note: {after.note}"
    if before is None or before.status is not after.status:
        yield f"{name} {after.status.replace('_', ' ')}{f': {cause(after)}' if after.reason else ''}"


# --- the results of orders, in full or in a table -------------------------------------------------


@dataclass(frozen=True)
class OrderResult:
    order: OrderProgress
    total: str | None = None
    outcome: OrderOutcome | None = None
    link: str | None = None
    """The order's page in Temporal's Web UI; None if only the book remembers the order."""


def results_table(results: Sequence[OrderResult], now: datetime) -> FittingTable:
    names = (Column(title, no_wrap=True) for title in ("Order", "Status", "Total"))
    time = Column("Time", justify="right", no_wrap=True)
    table = FittingTable(*names, Column("Result", overflow="fold"), time)
    for result in results:
        order = result.order
        taken, until = order.taken(now), order.held_until
        held = [f"held until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"] if until else []
        table.add_row(
            order.order_id,
            status_text(order.status, order.status_words),
            result.total or "",
            Text("\n".join([*result_lines(result), *held, *filter(None, [order.note])])),
            in_time(taken) if taken is not None else "",
        )
    return table


def result_lines(result: OrderResult) -> Iterator[str]:
    """Tell the result of an order: its parcel, or why it failed, what was undone and what still is to be."""
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

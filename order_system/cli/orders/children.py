"""`starter.py children`: the workflows that a batch or an order has started, with their states."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import RenderableType, group
from rich.table import Column
from rich.text import Text

from order_system.cli.options import CLEAN, Embedded
from order_system.cli.screen import PEOPLE, Screen, now
from order_system.cli.session import configured, open_session
from order_system.cli.tables import FittingTable
from order_system.cli.views import status_text
from order_system.domain.wording import time_between
from order_system.infra.temporal.executions import WorkflowState
from order_system.orders.relatives import Child, ChildStatus, StartedBy

MAX_SHOWN = 200
"""The most children in the table for people; `--json` has them all."""


async def children(
    parent: Annotated[str, Parameter(help="A workflow ID: order-ORDER-001, batch-orders.")],
    /,
    *,
    status: Annotated[ChildStatus | None, Parameter(help="Only those in this state.")] = None,
    embedded: Embedded = False,
    screen: Screen = PEOPLE,
) -> int:
    async with open_session(configured(), screen, embedded=embedded) as session:
        found = session.client.children(parent, status)
        shown, total = await screen.answer_each(found, MAX_SHOWN)
    screen.show(_view(parent, status, shown, total))
    return CLEAN


@group()
def _view(parent: str, status: str | None, shown: Sequence[Child], total: int) -> Iterator[RenderableType]:
    if not total:
        yield Text(f"{parent} has no {'children' if status is None else f'{status} children'}")
        return
    names = (Column(title, no_wrap=True) for title in ("Workflow", "Type", "State", "Started"))
    took = Column("Took", justify="right", no_wrap=True)
    table = FittingTable(*names, took, "Run", title=f"children of {parent}")
    for child in sorted(shown, key=lambda child: (child.started_at is None, child.started_at)):
        ended = child.closed_at or (now() if child.state is WorkflowState.RUNNING else None)
        run = Text(child.run_id or "from the book")
        if child.started_by is StartedBy.ELSEWHERE:
            run.append(" (started elsewhere)", style="yellow")
        table.add_row(
            child.workflow_id,
            child.type.removesuffix("Workflow"),
            status_text(child.state),
            child.started_at.strftime("%Y-%m-%d %H:%M:%S") if child.started_at else "",
            time_between(child.started_at, ended) if child.started_at and ended else "",
            run,
        )
    yield table
    if total > len(shown):
        yield Text(f"... and {total - len(shown):,} more; --json lists them all")

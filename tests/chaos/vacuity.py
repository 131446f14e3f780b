"""Was it a run at all? What was planned and never happened makes it red."""

from collections.abc import Iterable

from tests.chaos.cases import UNTIL_ATTENTION, Fault
from tests.chaos.checks import Judgement
from tests.chaos.points import is_undo, row_of
from tests.chaos.run import Run


def vacuous(run: Run, judgement: Judgement, *, whole_catalogue: bool) -> list[str]:
    """What the run failed to try: each kind of blow that was planned; with `whole_catalogue` also each point,
    and each cell of the matrix."""
    fired = run.fired
    planned = [fault for _, fault in run.plan.faults]
    missing = sorted(_blows(planned) - {entry.blow for entry in fired})
    missing += sorted(
        {_of_two(fault.point, fault.beside) for fault in planned if fault.beside}
        - {_of_two(entry.point, entry.beside) for entry in fired if entry.beside}
    )
    if whole_catalogue:
        missing += sorted({fault.point for fault in planned} - {entry.point for entry in fired})
        cells = {f"{blow} {row_of(fault.point)}" for fault in planned for blow in fault.blows}
        missing += sorted(cells - {f"{entry.blow} {row_of(entry.point)}" for entry in fired})
    if run.plan.fails_nobody:
        return missing
    stuck = [fault for fault in planned if is_undo(fault.point) and len(fault.blows) == UNTIL_ATTENTION]
    if stuck and not judgement.called:
        missing.append("no order needed attention")
    orders = len(run.plan.orders)
    counted = judgement.audit.submissions
    undone = sum(counted.get(status, 0) for status in ("failed", "cancelled", "terminated"))
    if counted.get("fulfilled", 0) < orders * 0.4:
        missing.append(f"only {counted.get('fulfilled', 0)} of {orders} orders were fulfilled")
    if undone < orders * 0.15:
        missing.append(f"only {undone} submissions were undone")
    return missing


def _of_two(point: str, beside: str) -> str:
    return f"{point}, beside {beside}"


def _blows(faults: Iterable[Fault]) -> set[str]:
    return {str(blow) for fault in faults for blow in fault.blows}

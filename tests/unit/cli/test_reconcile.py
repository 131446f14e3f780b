"""What the reconciler may take for abandoned, and how it reports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from order_system.cli import reconcile as command
from order_system.cli.reconcile import report_view
from order_system.cli.screen import Screen
from order_system.domain import policy
from order_system.domain.errors import ReconciliationFailed
from order_system.domain.reconciliation import (
    CurrentRun,
    Finding,
    ReconciliationReport,
    TallyName,
    is_abandoned,
)


@pytest.mark.parametrize(
    ("current", "abandoned"),
    [
        (CurrentRun("ours", is_open=True), False),
        (CurrentRun("ours", is_open=False), True),
        (CurrentRun("another", is_open=True), False),
        (CurrentRun("another", is_open=False), True),
        (None, True),
    ],
)
def test_whoever_is_open_under_the_orders_id_settles_it(current: CurrentRun | None, abandoned: bool) -> None:
    assert is_abandoned(current) is abandoned


def report(*names: TallyName) -> ReconciliationReport:
    result = ReconciliationReport(submissions_looked_at=3, keys_asked=1)
    for number, name in enumerate(names, 1):
        result = result.with_one_more(
            name, Finding(order_id=f"A-{number}", submission="s", detail=f"detail {number}")
        )
    return result


def shown(result: ReconciliationReport) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(report_view(result))
    return capture.get()


def test_people_see_which_orders_were_settled_and_what_is_left() -> None:
    text = shown(report("left_alone", "settled", "not_yet", "doubts_left"))
    assert "A-1" not in text, "an order that is simply under way is only counted"
    for words in ("A-2", "settled", "detail 2", "A-3", "not yet", "A-4", "still in doubt"):
        assert words in text
    assert "3 open on this server: 1 with an open workflow left alone, 1 settled, 0 found fulfilled" in text
    assert "1 NOT SETTLED YET" in text
    assert "nothing is left that could be settled now" in shown(report("settled", "doubts_left"))


def test_of_a_customer_who_was_not_told_a_person_is_told_what_to_do() -> None:
    text = " ".join(shown(report("notices_owed", "notices_sent")).split())
    assert "NOT SETTLED YET" not in text
    assert "1 CUSTOMER WAS NOT TOLD" in text
    assert "resolve ORDER notification --handled" in text
    assert "A-2 │ customer told" in text
    assert "1 NOT SETTLED YET" in shown(report("notices_owed", "not_yet"))


def test_all_are_counted_and_the_first_ones_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RECONCILE_NAMED", 2)
    result = report(*["settled"] * 5)
    assert (result.settled.count, [found.order_id for found in result.settled.orders]) == (5, ["A-1", "A-2"])
    assert "and 3 more" in shown(result)


def test_what_could_not_be_done_or_asked_is_unsettled() -> None:
    assert report("not_yet", "doubts_unanswered", "doubts_left", "settled", "left_alone").unsettled == 2


class Reconciler:
    def __init__(self, came_to: ReconciliationReport | Exception) -> None:
        self._came_to = came_to

    async def start(self) -> Any:
        return SimpleNamespace(id="reconciliation-now-1")

    async def report(self, _started: Any) -> ReconciliationReport:
        if isinstance(self._came_to, Exception):
            raise self._came_to
        return self._came_to


@pytest.mark.parametrize(
    ("came_to", "code"),
    [
        (report("settled", "fulfilled", "left_alone", "doubts_left", "doubts_undone"), 0),
        (report("settled", "not_yet"), 1),
        (report("doubts_unanswered"), 1),
        (ReconciliationFailed("the reconciliation failed: no database"), 1),
    ],
)
async def test_the_exit_code_says_whether_all_could_be_settled(
    came_to: ReconciliationReport | Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @asynccontextmanager
    async def session(*_: Any, **__: Any) -> AsyncIterator[Any]:
        system = SimpleNamespace(reconciler=lambda _temporal: Reconciler(came_to))
        yield SimpleNamespace(system=system, temporal=None)

    monkeypatch.setattr(command, "open_session", session)
    assert await command.reconcile(screen=Screen(as_json=True)) == code
    printed = capsys.readouterr()
    if isinstance(came_to, Exception):
        assert printed.out == ""
        assert "no database" in printed.err
    else:
        assert ReconciliationReport.model_validate_json(printed.out) == came_to

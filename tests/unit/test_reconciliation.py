"""What the reconciler may take for abandoned, and how it reports."""

import pytest
from rich.console import Console

from order_system import policy
from order_system.cli.reconcile import report_view
from order_system.models import SubmissionRef
from order_system.reconciliation import CurrentRun, Finding, ReconciliationReport, TallyName, is_abandoned

OURS = SubmissionRef(order_id="A-1", submission="ours", fingerprint="f")


@pytest.mark.parametrize(
    ("current", "abandoned"),
    [
        (CurrentRun("ours", is_open=True), False),
        (CurrentRun("ours", is_open=False), True),
        (CurrentRun("another", is_open=True), True),
        (CurrentRun("another", is_open=False), True),
        (None, True),
    ],
)
def test_only_an_open_run_of_the_same_submission_is_at_work_on_it(
    current: CurrentRun | None, abandoned: bool
) -> None:
    assert is_abandoned(OURS, current) is abandoned


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
    assert "3 open in the book: 1 with an open workflow left alone, 1 settled, 0 found fulfilled" in text
    assert "1 NOT SETTLED YET" in text
    assert "nothing is left to settle" in shown(report("settled", "doubts_left"))


def test_all_are_counted_and_the_first_ones_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RECONCILE_NAMED", 2)
    result = report(*["settled"] * 5)
    assert (result.settled.count, [found.order_id for found in result.settled.orders]) == (5, ["A-1", "A-2"])
    assert "and 3 more" in shown(result)


def test_what_could_not_be_done_or_asked_is_unsettled() -> None:
    assert report("not_yet", "doubts_unanswered", "doubts_left", "settled", "left_alone").unsettled == 2

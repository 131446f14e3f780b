"""What the benchmarks reckon with; that they run is tested in tests/integration."""

import json
from collections.abc import AsyncGenerator, Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes

from benchmarks import contestants
from benchmarks.__main__ import main
from benchmarks.measurements.batches.figures import Batch
from benchmarks.measurements.batches.histories import Run, runs_of
from benchmarks.measurements.plan import run as plan
from benchmarks.output.report import check_markdown, write_markdown
from benchmarks.tools.figures import Figure, Result, number
from benchmarks.tools.machine import Meter
from benchmarks.tools.turns import in_turns, ratios_of_few
from order_system.domain.errors import InvalidUsage

MACHINE = {"cores": 2, "processor": "some", "python": "3.11", "day": "2026-01-31"}


@pytest.mark.parametrize(
    ("many", "few", "expected"),
    [(4, 1, "..L.."), (10, 2, "...L...L...."), (2, 2, "L.L."), (3, 0, "..."), (2, 1, ".L.")],
)
def test_the_few_are_spread_among_the_many(many: int, few: int, expected: str) -> None:
    assert "".join("L" if each else "." for each in in_turns(many, few)) == expected


def test_each_of_the_few_is_compared_with_its_neighbours_so_that_a_machine_that_slows_down_harms_nobody() -> (
    None
):
    steady_half = [(False, 10.0), (True, 5.0), (False, 10.0), (False, 2.0), (True, 1.0), (False, 2.0)]
    assert ratios_of_few(steady_half) == pytest.approx([5 / 10, 1 / 2])


def test_processor_time_between_two_looks_goes_on_evenly() -> None:
    meter = Meter({"worker": 1}, [10.0, 12.0, 20.0], [{"worker": 1.0}, {"worker": 3.0}, {"worker": 3.0}])
    assert meter.used(11.0, 12.0) == {"worker": pytest.approx(1.0)}
    assert meter.used(10.0, 16.0) == {"worker": pytest.approx(2.0)}
    assert meter.used(14.0, 25.0) == {"worker": 0.0}


def test_the_speed_of_a_core_is_that_of_the_time_asked_for() -> None:
    meter = Meter({}, [10.0, 12.0, 20.0, 21.0], [{}] * 4, [9.0, 4.0, 5.0, 1.0])
    assert meter.speed(12.0, 20.0) == 4.5
    assert meter.speed(13.0, 13.1) == 4.5  # between two looks
    assert meter.speed(0.0, 30.0) == 4.5


def test_what_a_continue_as_new_costs_is_told_from_starts_and_closings() -> None:
    """Ten orders, one a second but for a pause of five seconds in which two of them end: three are lost."""
    closings = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 11.0, 12.0, 13.0]
    runs = [Run(events=30, starts=[0.0, 4.5]), Run(events=20, starts=[9.5, 12.0])]
    batch = Batch(True, 10, 0.0, 13.0, closings, runs)
    assert batch.pauses() == [(4.5, 9.5)]
    assert batch.lost() == pytest.approx(5 - 2 * 8 / 8)
    assert batch.events_per_order == 5
    assert [(name, ended - began, orders) for name, began, ended, orders in batch.parts()] == [
        ("beginning", 3.0, 3), ("middle", 7.0, 4), ("end", 3.0, 3),
    ]  # fmt: skip


class Histories:
    """What of a Temporal client `runs_of` uses."""

    def __init__(self, **runs: list[HistoryEvent]) -> None:
        self._runs = runs

    def get_workflow_handle(self, _workflow_id: str, *, run_id: str) -> Any:
        async def events() -> AsyncGenerator[HistoryEvent]:
            for event in self._runs[run_id]:
                yield event

        return SimpleNamespace(fetch_history_events=events)


async def test_the_runs_of_a_batch_are_found_one_from_another() -> None:
    def start(number: int, second: int) -> HistoryEvent:
        kind = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
        return HistoryEvent(event_id=number, event_type=kind, event_time=Timestamp(seconds=second))

    next_run = WorkflowExecutionContinuedAsNewEventAttributes(new_execution_run_id="second")
    ended = HistoryEvent(event_id=9, workflow_execution_continued_as_new_event_attributes=next_run)
    temporal: Any = Histories(first=[start(4, 100), start(7, 101), ended], second=[start(3, 105)])
    runs = [run async for run in runs_of(temporal, "batch-monday", "first")]
    assert runs == [Run(9, [100.0, 101.0]), Run(3, [105.0])]


def test_a_bound_holds_or_it_does_not() -> None:
    assert Figure("ratio", 0.9, at_least=0.9).holds
    assert not Figure("ratio", 0.89, at_least=0.9).holds
    assert not Figure("memory", 151, "MB", at_most=150).holds
    assert Figure("memory", 151, "MB", at_most=150).unbound().holds


def test_a_bound_is_missed_only_by_more_than_the_turns_lie_apart() -> None:
    """The quartiles of the turns are 1.0 and 1.2: a spread of 0.1 around a median of 1.1."""
    turns = [0.9, 1.0, 1.1, 1.2, 1.3]
    near = Figure.of_turns("ratio", turns, at_most=1.05)
    assert (near.told, near.verdict) == ("1.10 ± 0.10", "at most 1.05: missed by less than the spread")
    assert near.holds
    assert Figure.of_turns("ratio", turns, at_most=1.1).verdict == "at most 1.10: holds"
    assert not Figure.of_turns("ratio", turns, at_most=0.99).holds
    assert Figure.of_turns("ratio", turns, at_least=1.2).holds
    assert Figure.of_turns("ratio", turns, at_least=1.21).verdict == "at least 1.21: DOES NOT HOLD"
    assert not Figure.of_turns("of one turn", [1.1], at_most=1.05).holds


CONTESTANTS = Path(contestants.__file__).parent
FROZEN = {
    "floor.py": "011b7fb7974d81dcddd6d1d57a4f51d3b2a14a96968af0688c144d3efaa72403",
    "plain": "097a3f927ec7156b5ebbad2bab41d7dadd57343b722127c0fd947942e61146a9",
}


@pytest.mark.parametrize("name", FROZEN)
def test_what_ours_is_compared_with_is_never_made_slower(name: str) -> None:
    """A ratio can be mended from below. So whoever changes these says so, here and in docs/performance.md."""
    place = CONTESTANTS / name
    files = sorted(place.glob("*.py")) if place.is_dir() else [place]
    assert sha256(b"".join(file.read_bytes() for file in files)).hexdigest() == FROZEN[name]


def test_numbers_show_the_digits_that_count() -> None:
    assert [number(each) for each in (0.9012, 12.345, 6157.1, 2_000, 150.0, "text", None)] == [
        *("0.90", "12.3", "6,157", "2,000", "150", "text", "")
    ]


def test_a_result_takes_its_place_in_a_document_and_leaves_the_rest(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("before\n<!-- plan -->\nold\n<!-- /plan -->\nafter\n")
    result = Result(
        "plan",
        "a plan",
        [Figure("memory", 70.0, "MB", at_most=150)],
        {"Plans": [{"book": "empty"}], "Rows": [{"row": f"the {n}th"} for n in range(16)]},
    )
    write_markdown(document, MACHINE, result)
    written = document.read_text()
    assert written.startswith("before\n<!-- plan -->\n")
    assert written.endswith("<!-- /plan -->\nafter\n")
    assert "| memory | 70 MB | at most 150: holds |" in written
    assert "\nold\n" not in written
    assert "| empty |" in written
    assert "the 7th" not in written, "a long table is for JSON and the terminal"
    with pytest.raises(InvalidUsage, match="no place for batches"):
        check_markdown(document, ["plan", "batches"])


@pytest.mark.parametrize(("memory", "code"), [(149.0, 0), (151.0, 1)])
def test_the_exit_code_says_whether_all_bounds_hold(
    memory: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def measure(scale: plan.Scale, _say: Callable[[str], None]) -> Result:
        return Result("plan", f"{scale.rows} rows", [Figure("memory", memory, "MB", at_most=150)])

    monkeypatch.setattr(plan, "measure", measure)
    assert main(["plan", "--rows", "7", "--json", str(tmp_path / "figures.json")]) == code
    [result] = json.loads((tmp_path / "figures.json").read_text())["results"]
    assert result["what"] == "7 rows"
    assert [(each["value"], each["holds"]) for each in result["figures"]] == [(memory, code == 0)]
    assert ("DOES NOT HOLD" in capsys.readouterr().out) == (code == 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan", "--rows", "0"], "--rows"),
        (["batches", "--shorts", "1"], "--shorts"),
        (["plan", "--json", "/nowhere/figures.json"], "/nowhere/figures.json cannot be written"),
        (["--markdown", "README.md"], "README.md has no place for orders"),
    ],
)
def test_misuse_is_told_in_one_line_before_anything_is_measured(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line

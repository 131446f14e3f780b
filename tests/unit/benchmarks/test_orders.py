"""What the comparison of an order with floor and plain reckons with, and what is derived from it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.measurements import memory
from benchmarks.measurements.orders.capacity import Assumptions, OrderCost, plan, read_cost
from benchmarks.measurements.orders.figures import Alone, Crowd, Scale, result_of
from benchmarks.measurements.orders.footprint import Footprint
from benchmarks.output import charts, plots
from benchmarks.output.report import check_markdown, write_markdown
from benchmarks.tools import machine
from benchmarks.tools.figures import Figure, Result
from benchmarks.tools.machine import Meter
from benchmarks.tools.turns import back_and_forth, ratios_in_turns
from order_system.domain.errors import InvalidUsage

CONTRACT = Scale(alone=20, turns=5, crowd=60)
MACHINE = {"cores": 2, "processor": "some", "python": "3.11", "day": "2026-01-31"}


def test_each_turn_goes_the_other_way_so_that_ours_stays_next_to_both() -> None:
    assert "".join(name for _, name in back_and_forth("fop", 3)) == "foppoffop"
    assert [turn for turn, _ in back_and_forth("fop", 2)] == [0, 0, 0, 1, 1, 1]


PAIR = (("floor", 10.0), ("ours", 15.0))


def test_a_ratio_is_that_of_a_turn_so_that_a_machine_that_slows_down_harms_nobody() -> None:
    slower_and_slower = [(turn, name, value * 2.0**turn) for turn in range(5) for name, value in PAIR]
    assert ratios_in_turns(slower_and_slower, "ours", "floor") == pytest.approx([1.5] * 5)


def a_result(scale: Scale = CONTRACT, *, ours_ms: float = 75) -> Result:
    """One turn, in which plain took 20 seconds for ten orders, local 5, and the others 10."""
    floor, ours, local, plain = (0.0, 10.0), (10.0, 20.0), (20.0, 25.0), (25.0, 45.0)
    busy = {"floor": 0.6, "ours": ours_ms / 100, "local": ours_ms / 100 + 0.5, "plain": 1.5}
    used = {"floor": 0.0, "ours": 0.0, "plain": 0.0, "embedded": 0.0, "stock": 0.0, "others": 0.0}
    readings = [dict(used)]
    for name, server in (
        ("floor", "embedded"),
        ("ours", "embedded"),
        ("local", "embedded"),
        ("plain", "stock"),
    ):
        worker, seconds = ("ours", 0.5) if name == "local" else (name, 1.0)
        used |= {worker: busy[name], server: used[server] + seconds}
        readings.append(dict(used))
    meter = Meter({}, [0.0, 10.0, 20.0, 25.0, 45.0], readings, [9.0] * 5)
    crowds = [
        Crowd(0, name, server, 10, began, ended, client=0.05)
        for name, server, (began, ended) in (
            ("floor", "embedded", floor),
            ("ours", "embedded", ours),
            ("local", "embedded", local),
            ("plain", "stock", plain),
        )
    ]
    alone = [
        Alone(turn, name, seconds)
        for turn in range(3)
        for name, seconds in (("floor", 0.1), ("ours", 0.12), ("local", 0.1), ("plain", 1.0))
    ]
    footprints = dict.fromkeys(("floor", "ours", "plain"), Footprint(92, 18, 5, 19_500, 58, 15))
    footprints["local"] = Footprint(72, 18, 5, 19_500, 58, 15)
    return result_of(meter, scale, alone, crowds, footprints)


def test_the_four_are_compared_by_latency_rate_and_processor_time() -> None:
    figures = {figure.name: figure for figure in a_result().figures}
    expected = {
        "latency of one order alone, ours over plain on a stock server": 0.12,
        "latency of one order alone, ours over floor": 1.2,
        "orders/s at 30 in flight, ours over floor": 1.0,
        "orders/s at 30 in flight, ours over plain on a stock server": 2.0,
        "orders/s at 30 in flight and core that others left free, ours over floor": 1.0,
        "orders/s at 30 in flight and core that others left free, ours over plain": 2.0,
        "server and worker processor time an order, ours over floor": 175 / 160,
        "worker processor time an order, ours over floor": 1.25,
        "worker processor time an order, ours over plain": 0.5,
        "server processor time an order, ours over floor": 1.0,
        "server processor time an order, ours over plain on a stock server": 1.0,
        "history of an order": 92,
        "orders/s at 30 in flight, first attempts local, over plain": 4.0,
        "server and worker processor time an order, first attempts local over regular": 100 / 175,
        "history of an order, first attempts local": 72,
    }
    assert {name: figure.value for name, figure in figures.items()} == pytest.approx(expected)
    assert all(figure.holds for figure in figures.values())
    medians, _left, ran = a_result().samples.values()
    assert [row["contestant"] for row in medians] == ["floor", "ours", "local", "plain"]
    assert [row["worker ms/order"] for row in medians] == pytest.approx([60, 75, 50, 150])
    assert [row["orders/s"] for row in medians] == [1.0, 1.0, 2.0, 0.5]
    assert [row["contestant"] for row in ran] == ["floor", "ours", "local", "plain"]


def test_a_rate_is_also_told_for_the_cores_that_others_left_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 2)
    busy_with_others = Meter({}, [0.0, 10.0], [{"others": 0.0}, {"others": 15.0}], [9.0] * 2)
    assert busy_with_others.free_cores(0.0, 10.0) == pytest.approx(0.5)


def test_bounds_are_stated_for_five_turns_and_more_and_smaller_runs_tell_the_figures_alone() -> None:
    assert not a_result(ours_ms=91).holds
    assert a_result(replace(CONTRACT, turns=4), ours_ms=91).holds
    assert a_result(replace(CONTRACT, in_flight=10), ours_ms=91).holds


def test_memory_is_compared_around_two_counts_of_orders() -> None:
    grown = [100.0] * 300 + [110.0] * 1_000 + [130.0] * 900
    result = memory.result_of(memory.Scale(), grown)
    assert result.figures[0].value == pytest.approx(130 / 110)
    assert not result.holds
    assert memory.result_of(memory.Scale(early=100, late=400), grown).holds  # no bound there
    [rows] = result.samples.values()
    assert (rows[0], rows[-1]) == ({"orders": 0, "MB": 100.0}, {"orders": 2_000, "MB": 130.0})


# --- capacity -------------------------------------------------------------------------------------

COST = OrderCost(
    worker_ms=60,
    server_ms=120,
    events=92,
    history_bytes=20_000,
    state_transitions=50,
    workflow_tasks=18,
    activity_tasks=5,
    actions=15,
    transactions=None,
    sqlite_orders=None,
)


def test_capacity_is_the_cost_of_an_order_times_their_rate_and_what_is_kept_free() -> None:
    assumed = Assumptions(
        used=0.5, update_ms=10, shard_used=0.5, actions_per_unit=500, units_per_namespace=12
    )
    [rows] = plan(COST, assumed).samples.values()
    of_a_thousand = {row[""]: row["1,000 orders/s"] for row in rows}
    assert of_a_thousand == {
        "worker processes": 120,
        "cores of the Temporal server": 240,
        "state transitions a second": 50_000,
        "history shards, at least": 1_024,
        "tasks that are matched a second": 23_000,
        "history kept, GB a day of retention": 1_728,
        "Actions a second": 15_000,
        "Temporal Resource Units": 30,
        "namespaces of Temporal Cloud, at least": 3,
        "Actions a day, million": 1_296,
    }


def test_capacity_is_read_from_a_run_and_goes_into_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = Result(
        "calls",
        "calls",
        [Figure("orders, 30 at once, without Temporal", 40.0, "a second")],
        {"Operations": [{"operation": "book: claim", "an order": 4.0}, {"operation": "x", "an order": 11.0}]},
    )
    run = {"machine": MACHINE, "results": [a_result().document(), calls.document()]}
    (tmp_path / "figures.json").write_text(json.dumps(run))
    _, cost = read_cost(tmp_path / "figures.json")
    assert (cost.worker_ms, cost.transactions, cost.sqlite_orders) == (pytest.approx(75), 15, 40)

    document = tmp_path / "scaling.md"
    document.write_text("before\n<!-- capacity -->\n<!-- /capacity -->\nafter\n")
    assert main(["capacity", str(tmp_path / "figures.json"), "--markdown", str(document)]) == 0
    assert "| transactions of book and world a second | 150 | 15,000 | 1,500,000 |" in document.read_text()
    assert "2026-01-31" in document.read_text()
    assert "worker processes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "figures.json cannot be read: No such file or directory"),
        ("nothing", "figures.json holds no orders that were measured: write it with"),
        ('{"machine": {}, "results": []}', "figures.json holds no orders that were measured: write it with"),
    ],
)
def test_what_is_no_run_is_told_in_one_line(
    content: str | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "figures.json").write_text(content)
    assert main(["capacity", str(tmp_path / "figures.json")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line


# --- plots ----------------------------------------------------------------------------------------


def test_plots_go_beside_the_document_and_are_linked(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("<!-- orders -->\n<!-- /orders -->\n")
    write_markdown(document, MACHINE, a_result())
    for name in ("benchmark-ratios", "benchmark-processor-time"):
        assert f"](images/{name}.svg)" in document.read_text()
        assert (tmp_path / "images" / f"{name}.svg").read_text().startswith("<svg")


def test_ratios_are_drawn_with_their_bounds() -> None:
    chart = charts.ratios(a_result(ours_ms=91)).to_dict()
    rows = chart["layer"][0]["data"]["values"] if "data" in chart["layer"][0] else chart["data"]["values"]
    drawn = {row["figure"]: (row["bound"], row["verdict"]) for row in rows}
    assert drawn["worker processor time an order, ours over floor"] == (1.3, "does not hold")
    assert drawn["latency of one order alone, ours over floor"] == (1.3, "holds")
    assert drawn["server processor time an order, ours over floor"] == (None, "no bound")
    assert "history of an order" not in drawn


def test_without_the_extra_plots_are_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "performance.md"
    document.write_text("<!-- orders -->\n<!-- /orders -->\n<!-- plan -->\n<!-- /plan -->\n")
    monkeypatch.setattr(plots, "NEEDED", {"no_such_module": "altair"})
    check_markdown(document, ["plan"])  # has none
    with pytest.raises(InvalidUsage, match=r"plots need altair: pip install -e '.\[bench\]'"):
        check_markdown(document, ["orders", "plan"])

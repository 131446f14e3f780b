"""The benchmarks run, at sizes that measure nothing; bounds do not count there."""

import json
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from benchmarks.contestants import contest
from benchmarks.measurements import calls, fairness, lists, memory, sealing
from benchmarks.measurements.batches import run as batches
from benchmarks.measurements.batches.figures import Scale
from benchmarks.measurements.orders import run as orders
from benchmarks.measurements.orders.figures import Scale as OrderScale
from benchmarks.measurements.plan import run as plan
from benchmarks.tools import stage
from benchmarks.tools.processes import environment
from benchmarks.tools.workers import Scale as Workers
from tests.fixtures.processes.forking import ForkedProcess, forked


@asynccontextmanager
async def running(
    program: Sequence[str | Path], log: Path, *, ours: Mapping[str, str] | None = None
) -> AsyncGenerator[ForkedProcess]:
    """Without an interpreter of its own, whose time is not measured here."""
    with log.open("ab") as output:
        process = await forked(*map(str, program[1:]), env=environment(ours), output=output)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def planned(data: Path, file: Path, *profile: str) -> dict[str, Any]:
    """In a process of its own, by the same program."""
    with (data.parent / "planned").open("wb") as output:
        program = ("-m", "benchmarks.measurements.plan.once", str(data), str(file), *profile)
        process = await forked(*program, env=environment(), output=output)
        assert await process.wait() == 0
    return json.loads((data.parent / "planned").read_text())


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they make their folders; empty again afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("ORDER_DATA_DIR", str(tmp_path / "not-here"))  # changes nothing
    for module in (stage, contest):
        monkeypatch.setattr(module, "running", running)
    monkeypatch.setattr(plan, "_plan", planned)
    monkeypatch.setattr(orders, "REST_SECONDS", 0)  # nothing is measured, so nobody has to be at rest
    return tmp_path


@pytest.mark.long
async def test_the_four_contestants_in_turns(temporary: Path) -> None:
    said: list[str] = []
    scale = OrderScale(alone=2, turns=1, crowd=1, in_flight=1, warm_up=0)
    result = await orders.measure(scale, said.append)
    assert result.holds
    assert len(said) == 5
    medians, left, ran = result.samples.values()
    by_name = {row["contestant"]: row for row in left}
    assert list(by_name) == ["floor", "ours", "local", "plain"]
    assert [row["contestant"] for row in ran] == ["floor", "ours", "local", "plain"]
    assert all(row["alone, ms"] > 0 and row["orders/s"] > 0 for row in medians)
    assert all(row["bytes"] > 0 and row["state transitions"] > 0 for row in left)
    # Each line is reserved by itself in the last. A local attempt that takes long is followed by a task.
    activity_tasks, actions = ([row[what] for row in left] for what in ("activity tasks", "actions"))
    swift = activity_tasks[2] == 1
    assert activity_tasks == [5, 5, 1 if swift else ANY, 6]
    # One start, two for each child, and the activities; and a status attribute in ours.
    assert actions == [14, 15, 15 if swift else ANY, 15]
    assert by_name["ours"]["events"] <= 94
    assert not swift or by_name["local"]["events"] <= 72
    assert list(temporary.iterdir()) == []


async def test_calls_of_book_and_world(temporary: Path) -> None:
    said: list[str] = []
    result = await calls.measure(calls.Scale(orders=2, rounds=1, at_once=2), said.append)
    assert len(said) == 1
    [operations] = result.samples.values()
    an_order = {row["operation"]: row["an order"] for row in operations}
    assert (an_order["book: fulfil"], an_order["world: charge"]) == (1, 1)
    assert all(figure.value > 0 for figure in result.figures)
    assert list(temporary.iterdir()) == []


@pytest.mark.long
async def test_sealing_in_turns(temporary: Path) -> None:
    result = await sealing.measure(Workers(turns=1, crowd=1, in_flight=1), lambda _: None)
    [ran] = result.samples.values()
    assert [row["worker"] for row in ran] == ["sealing", "off"]
    assert list(temporary.iterdir()) == []


async def test_memory_of_a_worker_with_a_full_cache(temporary: Path) -> None:
    said: list[str] = []
    scale = memory.Scale(early=1, late=3, in_flight=2, cached=1, neighbours=1)
    result = await memory.measure(scale, said.append)
    assert result.holds
    assert result.figures[1].value > 10  # MB, when it is ready
    assert list(temporary.iterdir()) == []


async def test_batches_in_turns_with_their_histories(temporary: Path) -> None:
    said: list[str] = []
    scale = Scale(short=1, long=3, shorts=1, longs=1)
    result = await batches.measure(scale, said.append)
    assert result.holds
    assert len(said) == 2
    ran, parts = result.samples.values()
    assert [batch["orders"] for batch in ran] == [3, 1]
    assert [part["part"] for part in parts] == ["beginning", "middle", "end"]
    figures = {figure.name: figure.value for figure in result.figures}
    assert figures["history that a long batch adds"] > 3  # started, running, ended, at the least
    assert figures["continue-as-new in a long batch"] == 0
    assert list(temporary.iterdir()) == []


async def test_plans_against_both_books_and_by_a_profile(temporary: Path) -> None:
    said: list[str] = []
    result = await plan.measure(plan.Scale(rows=60, rounds=1), said.append)
    assert result.holds
    assert len(said) == 3
    [plans] = result.samples.values()
    assert [each["book"] for each in plans] == ["empty", "knows most", "empty, Shopify's profile"]
    assert all(figure.value > 0 for figure in result.figures)
    assert list(temporary.iterdir()) == []


async def test_lists_over_a_book_of_closed_orders(temporary: Path) -> None:
    said: list[str] = []
    result = await lists.measure(lists.Scale(orders=300, rounds=1), said.append)
    assert result.holds
    assert len(result.figures) == len(lists.REQUESTS) + 2
    assert all(figure.value > 0 for figure in result.figures)
    assert list(temporary.iterdir()) == []


@pytest.mark.long
async def test_an_order_by_hand_beside_a_batch_with_priorities_and_without(temporary: Path) -> None:
    said: list[str] = []
    result = await fairness.measure(fairness.Scale(turns=1, window=3), said.append)
    assert len(said) == 2
    [ran] = result.samples.values()
    assert [row["how"] for row in ran] == ["with priorities", "without"]
    assert all(row["seconds"] > 0 and row["left of the batch"] > 0 for row in ran)
    assert list(temporary.iterdir()) == []

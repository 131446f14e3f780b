"""The programs that are measured: how they are started, and what is told of one that does not come up."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.measurements import start_up
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import BenchmarkFailed
from benchmarks.tools.processes import environment, python, running, until_it_polls


def test_nothing_of_ours_is_inherited_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_FAULTS", "default")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "somewhere:7233")
    monkeypatch.setenv("HOME", "/home/somebody")
    given = environment({"ORDER_FAULTS": "none"})
    assert (given["ORDER_FAULTS"], given["HOME"]) == ("none", "/home/somebody")
    assert "TEMPORAL_ADDRESS" not in given


async def test_a_worker_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    async def nobody_polls(_request: object) -> object:
        return SimpleNamespace(pollers=[])

    temporal: Any = SimpleNamespace(
        namespace="default", workflow_service=SimpleNamespace(describe_task_queue=nobody_polls)
    )
    log = tmp_path / "worker.log"
    async with running(python("-c", "raise SystemExit('no database')"), log) as worker:
        await worker.wait()
        with pytest.raises(BenchmarkFailed, match="the worker did not come up:\nno database"):
            await until_it_polls(worker, temporal, "queue", log)


async def test_a_program_is_stopped_with_its_block(tmp_path: Path) -> None:
    async with running(python("-c", "import time; time.sleep(60)"), tmp_path / "log") as program:
        assert program.returncode is None
    assert program.returncode is not None


async def test_a_worker_that_ends_before_it_is_ready_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    dies = python("-c", "raise SystemExit('worker: no such server')")
    monkeypatch.setitem(start_up.COMMANDS, start_up.WORKER, dies)
    with pytest.raises(BenchmarkFailed, match="ended before it was ready, with: worker: no such server"):
        await start_up.seconds_to_start(start_up.WORKER, {})


async def test_a_crowd_keeps_so_many_in_flight_and_runs_each_order_once() -> None:
    under_way, most, ran = 0, 0, list[str]()

    async def run(order_id: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        ran.append(order_id)

    orders = [f"ORDER-{number}" for number in range(7)]
    await run_crowd(run, orders, 3)
    assert (most, sorted(ran)) == (3, orders)


async def test_orders_that_do_not_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck(_order_id: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("benchmarks.tools.crowds.PATIENCE_SECONDS", 0)
    monkeypatch.setattr("benchmarks.tools.crowds.SECONDS_PER_ORDER", 0.01)
    with pytest.raises(BenchmarkFailed, match="ORDER-1 to ORDER-2: these orders do not end"):
        await run_crowd(stuck, ["ORDER-1", "ORDER-2"], 2)

"""The benchmarks run, at sizes that measure nothing; bounds do not count there."""

import tempfile
from pathlib import Path

import pytest

from benchmarks import batches, lists, plan
from benchmarks.batch_figures import Scale


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they make their folders; empty again afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("ORDER_DATA_DIR", str(tmp_path / "not-here"))  # changes nothing
    return tmp_path


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


async def test_plans_against_both_books(temporary: Path) -> None:
    said: list[str] = []
    result = await plan.measure(plan.Scale(rows=60, rounds=1), said.append)
    assert result.holds
    assert len(said) == 2
    [plans] = result.samples.values()
    assert [each["book"] for each in plans] == ["empty", "knows most"]
    assert all(figure.value > 0 for figure in result.figures)
    assert list(temporary.iterdir()) == []


async def test_lists_over_a_book_of_closed_orders(temporary: Path) -> None:
    said: list[str] = []
    result = await lists.measure(lists.Scale(orders=300, rounds=1), said.append)
    assert result.holds
    assert len(result.figures) == len(lists.REQUESTS) + 2
    assert all(figure.value > 0 for figure in result.figures)
    assert list(temporary.iterdir()) == []

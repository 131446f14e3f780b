"""The command line of worker.py: `--processes`."""

import os

import pytest

from order_system.cli.worker import run_command
from order_system.domain.errors import InvalidUsage
from order_system.infra import policy
from order_system.infra.supervisor import Supervised

DRAINED = 0


def asked_for(*arguments: str) -> list[int]:
    """How many processes it was told to serve in; empty if it was not."""
    told: list[int] = []

    def serve(processes: int) -> int:
        told.append(processes)
        return DRAINED

    assert run_command(arguments, serve) == DRAINED
    return told


def test_it_serves_in_so_many_processes() -> None:
    assert asked_for("--processes", "3") == [3]
    assert asked_for("--processes=1") == [1]
    assert asked_for("--processes", str(policy.PROCESSES_LIMIT)) == [policy.PROCESSES_LIMIT]


def test_auto_is_one_for_each_core_that_it_may_use() -> None:
    usable = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, usable[:1])
        assert asked_for("--processes", "auto") == [1]
    finally:
        os.sched_setaffinity(0, usable)
    assert asked_for("--processes", "auto") == [len(usable)]


@pytest.mark.parametrize("nonsense", ["0", "-1", "x", "", "1.5", "65", "٣", "AUTO"])
def test_another_number_is_refused_in_one_line_with_the_cure(nonsense: str) -> None:
    with pytest.raises(InvalidUsage) as refused:
        asked_for("--processes", nonsense)
    assert str(refused.value) == (
        f"--processes {nonsense}: write a whole number from 1 to 64, or `auto` for one on each core."
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nope"], "Unknown option: --nope. See worker.py --help."),
        (["--processes"], "requires an argument. See worker.py --help."),
        (["3"], "Unused Tokens"),
        (["--supervised", "1", "x"], "--supervised"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(arguments: list[str], told: str) -> None:
    assert Supervised.read(arguments) is None
    with pytest.raises(InvalidUsage) as refused:
        asked_for(*arguments)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_help_serves_nothing_and_says_when_several_processes_are_worth_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert asked_for("--help") == []
    shown = capsys.readouterr().out
    for word in ("--processes", "PostgreSQL", "SIGTERM", "Exit codes", "ORDER_DATABASE_URL"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 80

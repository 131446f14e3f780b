"""The supervisor of worker processes, with small programs in their place that die as they are told."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from order_system.domain.errors import OrderSystemError
from order_system.infra import policy
from order_system.infra.supervisor import next_pause, supervise
from tests.fixtures.steering.waiting import eventually

SECONDS = 60
DIES = "import sys; sys.exit(3)"

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "PROCESS_AGAIN", timedelta(milliseconds=20))
    monkeypatch.setattr(policy, "PROCESS_AGAIN_LIMIT", timedelta(milliseconds=80))


class Supervision:
    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.running: asyncio.Task[bool] | None = None

    def of(self, program: str, processes: int = 1) -> None:
        self.of_command([sys.executable, "-c", program], processes)

    def of_command(self, command: list[str], processes: int = 1) -> None:
        self.running = asyncio.create_task(supervise(command, processes, self.stop))

    async def ended(self) -> bool:
        assert self.running is not None
        return await asyncio.wait_for(self.running, SECONDS)

    async def stopped(self) -> bool:
        self.stop.set()
        return await self.ended()


@pytest.fixture
async def supervision() -> AsyncIterator[Supervision]:
    each = Supervision()
    yield each
    each.stop.set()
    if each.running is not None:
        await asyncio.wait([each.running], timeout=SECONDS)


def told(lines: Lines, event: str) -> Lines:
    return [line for line in lines if event in line["event"]]


async def logged(lines: Lines, event: str, times: int = 1) -> Lines:
    async def there() -> bool:
        return len(told(lines, event)) >= times

    await eventually(there, SECONDS, f"{times} lines {event!r}")
    return told(lines, event)


async def marked(folder: Path, *names: str) -> None:
    """The programs say by a file that they are where a test wants them."""

    async def there() -> bool:
        return all((folder / name).exists() for name in names)

    await eventually(there, SECONDS, f"{names}")


def test_who_dies_at_once_again_and_again_waits_ever_longer_until_it_has_lived() -> None:
    at_once = timedelta(seconds=1)
    pauses = [timedelta(0)]
    for lived in (at_once, at_once, at_once, at_once, policy.PROCESS_SETTLED, at_once):
        pauses.append(next_pause(pauses[-1], lived))
    assert [pause.microseconds // 1000 for pause in pauses] == [0, 20, 40, 80, 80, 0, 20]


async def test_a_crash_loop_is_slowed_down_and_each_death_is_told_in_one_line(
    supervision: Supervision, lines: Lines
) -> None:
    supervision.of(DIES)
    deaths = await logged(lines, "ended unasked", 5)
    assert [death["again_in_seconds"] for death in deaths[:5]] == [0.02, 0.04, 0.08, 0.08, 0.08]
    assert {(death["process"], death["exit_code"], death["log_level"]) for death in deaths} == {
        (1, 3, "warning")
    }
    starts = told(lines, "worker process started")
    assert [start["pid"] for start in starts[:5]] == [death["pid"] for death in deaths[:5]]
    await supervision.stopped()  # clean or not: one may be dying just then


async def test_a_death_by_signal_is_told_by_its_name(supervision: Supervision, lines: Lines) -> None:
    supervision.of("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    [death, *_] = await logged(lines, "ended unasked")
    assert (death["signal"], "exit_code" in death) == ("SIGKILL", False)


async def test_one_that_drained_unasked_is_started_again_too(supervision: Supervision, lines: Lines) -> None:
    supervision.of("pass")
    [end, *_] = await logged(lines, "ended unasked", 2)
    assert end["exit_code"] == 0


async def test_a_pause_does_not_hold_up_the_end(
    supervision: Supervision, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "PROCESS_AGAIN", timedelta(hours=1))
    supervision.of(DIES, processes=2)
    await logged(lines, "ended unasked", 2)
    assert await supervision.stopped()
    assert len(told(lines, "worker process started")) == 2


async def test_what_the_system_does_not_start_is_tried_again(supervision: Supervision, lines: Lines) -> None:
    supervision.of_command(["/nowhere/python"])
    failures = await logged(lines, "ended unasked", 3)
    assert failures[0]["reason"] == "it cannot be started: No such file or directory"
    assert failures[1]["again_in_seconds"] == 2 * failures[0]["again_in_seconds"]
    assert await supervision.stopped()


async def test_one_that_does_not_end_is_killed_and_that_is_said(
    supervision: Supervision, lines: Lines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(policy, "PROCESS_ENDS", timedelta(seconds=2))
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    obedient = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
    supervision.of(
        f"import pathlib, signal, sys; {deaf} if sys.argv[2] == '1' else {obedient}; "
        f"pathlib.Path({str(tmp_path)!r}, sys.argv[2]).touch(); signal.pause()",
        processes=2,
    )
    await marked(tmp_path, "1", "2")
    assert not await supervision.stopped(), "not clean"
    [killed] = told(lines, "did not end when told to, and was killed")
    assert (killed["process"], killed["signal"], killed["log_level"]) == (1, "SIGKILL", "error")
    assert told(lines, "supervisor stopped")[0]["clean"] is False


async def test_one_that_dies_while_it_drains_is_told_and_not_started_again(
    supervision: Supervision, lines: Lines, tmp_path: Path
) -> None:
    supervision.of(
        "import pathlib, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); "
        f"pathlib.Path({str(tmp_path)!r}, 'there').touch(); signal.pause()"
    )
    await marked(tmp_path, "there")
    assert not await supervision.stopped()
    assert [line["exit_code"] for line in told(lines, "died while it drained")] == [1]
    assert len(told(lines, "worker process started")) == 1


async def test_one_that_is_still_being_loaded_ends_by_the_signal_and_cleanly(
    supervision: Supervision, lines: Lines, tmp_path: Path
) -> None:
    supervision.of(
        f"import pathlib, signal, sys; pathlib.Path({str(tmp_path)!r}, 'there').touch(); signal.pause()"
    )
    await marked(tmp_path, "there")
    assert await supervision.stopped()
    assert told(lines, "supervisor stopped")[0]["clean"] is True


async def test_a_refusal_ends_all_and_is_told_once(
    supervision: Supervision, lines: Lines, tmp_path: Path
) -> None:
    supervision.of(
        "import os, pathlib, signal, sys\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "if sys.argv[2] == '1':\n"
        "    while not (folder / '2').exists(): pass\n"
        "    os.write(int(sys.argv[3]), 'ORDER_FAULTS: no — never'.encode())\n"
        "    sys.exit(2)\n"
        "(folder / '2').touch()\n"
        "signal.pause()\n",
        processes=2,
    )
    with pytest.raises(OrderSystemError, match=r"^ORDER_FAULTS: no — never$"):
        await supervision.ended()
    assert not told(lines, "ended unasked")


async def test_a_refusal_without_a_word_ends_all_as_well(supervision: Supervision) -> None:
    supervision.of("import sys; sys.exit(2)", processes=3)
    with pytest.raises(OrderSystemError, match=r"process [123] ended with exit code 2, without a word"):
        await supervision.ended()

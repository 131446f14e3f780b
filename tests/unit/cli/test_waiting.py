"""A command that waits for a workflow."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from order_system.cli.screen import Screen
from order_system.infra import policy


async def test_who_waits_for_long_is_told_once_and_hears_the_answer_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stdout, so not while the wheel of stderr turns on the same line of a terminal."""
    monkeypatch.setattr(policy, "WORD_ABOUT_WAITING", timedelta(0))
    wheels: list[str] = []
    say = Screen.say

    @contextmanager
    def waiting_for(_screen: Screen, message: str) -> Generator[None]:
        wheels.append(message)
        yield
        wheels.pop()

    monkeypatch.setattr(Screen, "waiting", waiting_for)

    def said_beside(screen: Screen, words: str) -> None:
        say(screen, " ".join([*wheels, words]))

    monkeypatch.setattr(Screen, "say", said_beside)
    answered = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await answered

    waiting = asyncio.create_task(Screen(as_json=True).heard(work(), "waiting", "no answer yet"))
    said = ""
    async with asyncio.timeout(60):
        while not said:
            await asyncio.sleep(0)
            said += capsys.readouterr().err
        assert said == "no answer yet\n"
        answered.set_result("undone")
        assert await waiting == "undone"
    assert capsys.readouterr() == ("", "")


async def test_who_stops_waiting_hears_what_goes_on_without_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C may come when the server has been asked already: `stopped` alone would say that nothing was."""
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.create_task(Screen(as_json=True).heard(work(), "waiting", "it goes on without us"))
    async with asyncio.timeout(60):
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert capsys.readouterr().err == "it goes on without us\n"

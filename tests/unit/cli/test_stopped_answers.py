"""What a command says that sends an answer, and that Ctrl-C stops: `stopped` alone leaves open whether the
answer was sent."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from order_system.cli.attention import answers
from order_system.domain.steps import Step

Command = Callable[[], Awaitable[int]]
COMMANDS: dict[str, tuple[Command, str]] = {
    "resolve": (lambda: answers.resolve("ORDER-1", Step.PAYMENT, retry=True), "status ORDER-1"),
    "retry": (lambda: answers.retry("ORDER-1"), "status ORDER-1"),
    "give-up": (lambda: answers.give_up("ORDER-1"), "status ORDER-1"),
    "refund": (lambda: answers.refund("ORDER-1"), "status ORDER-1"),
    "retry of several": (lambda: answers.retry("ORDER-1", "ORDER-2"), "attention"),
    "take": (lambda: answers.take("ORDER-1"), "attention"),
}
CALLS = ("order_meant", "answer", "status")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("order_meant", "the answer was not sent"),
        ("answer", "the answer may have been sent"),
        ("status", "the answer was taken"),
    ],
)
async def test_who_stops_an_answer_hears_whether_it_was_sent(
    name: str, at: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if at == "status" and name not in ("resolve", "retry", "give-up"):
        at, words = "answer", "the answer may have been sent"  # they look at nothing afterwards
    reached = asyncio.Event()

    def call(which: str) -> Callable[..., Awaitable[Any]]:
        async def called(*_: object, **__: object) -> Any:
            if which == at:
                reached.set()
                await asyncio.Event().wait()
            return "ORDER-1"

        return called

    meant, answer, status = map(call, CALLS)
    attention = SimpleNamespace(answer=answer, about=answer)
    client = SimpleNamespace(status=status, refunds=SimpleNamespace(give_back=answer))

    @asynccontextmanager
    async def a_session(_: object, screen: object, **__: object) -> AsyncGenerator[SimpleNamespace]:
        yield SimpleNamespace(screen=screen, order_meant=meant, attention=attention, client=client)

    monkeypatch.setattr(answers, "open_session", a_session)
    command, look = COMMANDS[name]
    running = asyncio.ensure_future(command())
    async with asyncio.timeout(60):
        await reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    said = capsys.readouterr().out
    assert words in said
    assert said.endswith(f": python starter.py {look}\n")

"""What a command that follows an order says while nothing goes on."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from temporalio.service import RPCError, RPCStatusCode

from order_system.cli import session
from order_system.cli.screen import Screen
from order_system.infra import policy
from order_system.infra.temporal.workers import Workers

GONE = RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")


async def test_nobody_says_that_a_worker_is_there_since_the_server_has_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes while we listen for a worker's heartbeat, which we do nearly all the time."""
    server, workers, heard = [True, True, False, True], [0, GONE, 1], asyncio.Event()

    async def answers(_temporal: Any) -> bool:
        if not server:
            heard.set()
            await asyncio.Event().wait()
        return server.pop(0)

    async def surely_at_work(_workers: Workers) -> int:
        if isinstance(found := workers.pop(0), RPCError):
            raise found
        return found

    monkeypatch.setattr(policy, "ANSWER_ASSUMED", timedelta(0))
    monkeypatch.setattr(session, "answers", answers)
    monkeypatch.setattr(Workers, "surely_at_work", surely_at_work)
    following = session.Session(Mock(task_queue="orders"), Mock(), Screen(), None, embedded=False)
    async with following.watching():
        await asyncio.wait_for(heard.wait(), 10)
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0].partition(",")[0].partition(";")[0] for line in said] == [
        "no worker takes work",
        "the Temporal server does not answer",
        "the Temporal server answers again",
        "a worker is at work",
    ]

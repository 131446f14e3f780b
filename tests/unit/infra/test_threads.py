"""Whoever hands work to the threads of a database hears of it, or is refused; and they always end."""

import asyncio
from collections.abc import Callable
from threading import Event, Thread

import pytest

from order_system.infra.database.threads import Threads

SOON = 5


def the_answer(_given_up: Callable[[], bool]) -> str:
    return "done"


async def busy(threads: Threads) -> tuple[asyncio.Task[bool], Event]:
    begun, go_on = asyncio.Event(), Event()
    loop = asyncio.get_running_loop()

    def work(_given_up: Callable[[], bool]) -> bool:
        loop.call_soon_threadsafe(begun.set)
        return go_on.wait(SOON)

    task = asyncio.create_task(threads.carry_out(work))
    await begun.wait()
    return task, go_on


async def test_what_is_given_up_in_the_queue_is_never_begun() -> None:
    """While a database does not answer, work that nobody waits for would keep what is asked for after it."""
    threads, begun = Threads(1, "test"), list[bool]()
    task, go_on = await busy(threads)
    queued = asyncio.create_task(threads.carry_out(lambda given_up: begun.append(given_up())))
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.wait([queued])

    go_on.set()

    assert await task
    assert await threads.carry_out(the_answer) == "done"
    assert begun == []
    threads.end()


async def test_they_end_although_more_is_asked_of_them_meanwhile_and_that_is_refused() -> None:
    threads = Threads(3, "test")
    (one, go_on), (other, go_on_too) = await busy(threads), await busy(threads)
    ending = asyncio.create_task(asyncio.to_thread(threads.end))
    await asyncio.sleep(0.1)

    with pytest.raises(RuntimeError, match="after shutdown"):
        await asyncio.wait_for(threads.carry_out(the_answer), SOON)

    go_on.set()
    go_on_too.set()
    assert await one
    assert await other
    await asyncio.wait_for(ending, SOON)


async def test_a_thread_that_could_not_be_started_is_started_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    threads, begun = Threads(1, "test"), list[bool]()
    with monkeypatch.context() as full:
        full.setattr(Thread, "start", refused)
        with pytest.raises(RuntimeError, match="new thread"):
            await threads.carry_out(lambda _: begun.append(True))

    assert await asyncio.wait_for(threads.carry_out(the_answer), SOON) == "done"
    assert begun == []  # as its caller was told
    threads.end()

"""Plays all promises of a port, each with keys of its own, and takes back what it did."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal

from order_system.bootstrap import open_order_system
from order_system.domain.errors import NotReached
from order_system.domain.order import PaymentReceipt
from order_system.gateways.loading import Port
from order_system.infra.logs import configure_logging
from order_system.infra.settings import Settings, load_settings
from order_system.testing import policy
from order_system.testing.acts import CAPTURE, MONEY, RELINQUISH, Act
from order_system.testing.answers import Answer, Broken, NotShown
from order_system.testing.playing import Options, Play, carry_out
from order_system.testing.promises import ACTS, Promise, promises_of
from order_system.testing.severing import connections_of_calls

CheckedPort = Literal["payments", "warehouse", "carrier", "mailer"]


class Verdict(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Finding:
    promise: str
    verdict: Verdict
    because: str = ""
    follows: str = ""
    """What follows for orders, if the promise is broken."""
    trace: tuple[str, ...] = ()
    """The calls that show it, in order, each with its answer."""

    def __str__(self) -> str:
        first = f"{self.verdict:9}  {self.promise}" + (f": {self.because}" if self.because else "")
        calls = (f"    {number}. {call}" for number, call in enumerate(self.trace, 1))
        return "\n".join([first, *calls, *([f"    so {self.follows}"] if self.follows else [])])


async def check(
    port: CheckedPort,
    options: Options | None = None,
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _promise: None,
    found: Callable[[Finding], None] = lambda _finding: None,
) -> list[Finding]:
    """Play the promises of the port on the gateway that the environment names, with an empty order book that
    is thrown away. `seed` decides when calls are cut off. `progress` gets the promise that is played, as in
    `3 of 34: charge from two processes ...`, and `found` gets each finding.

    Raises InvalidSettings if the gateway cannot be opened, and NotReached if no call reaches it."""
    settings, findings = load_settings(), list[Finding]()
    with TemporaryDirectory() as folder, connections_of_calls() as connections:
        faults = settings.faults if "faults" in settings.model_fields_set else "none"
        own = {"data_dir": Path(folder), "database_url": None, "faults": faults}
        settings = settings.model_copy(update=own)
        async with open_order_system(settings) as system, _other_process(settings, Port(port)) as elsewhere:
            gateway, accounts, rng = getattr(system.world, port), system.world.accounts, Random(seed)  # noqa: S311
            if accounts and ACTS[Port(port)][0].effect not in (await accounts.statement()).told:
                accounts = None
            play = Play(gateway, accounts, elsewhere, connections, options or Options(), rng)
            promises = promises_of(Port(port), gateway)
            for number, promise in enumerate(promises, 1):
                progress(f"{number} of {len(promises)}: {promise.name}")
                try:
                    new = [await _finding(play, promise)]
                finally:
                    owed = await _taken_back(play, promise)
                if play.reached is False:
                    name = f"{Port(port).variable}={getattr(settings, port)}"
                    raise NotReached(f"{name}: no call has reached it, so nothing is shown: {new[0].because}")
                for finding in (*new, *owed):
                    findings.append(finding)
                    found(finding)
    return findings


async def _finding(play: Play, promise: Promise) -> Finding:
    try:
        if not hasattr(play.gateway, promise.act.method):
            raise NotShown(f"it does not offer {promise.act.method}")
        await promise.play(play, promise.act)
    except Broken as broken:
        return Finding(
            promise.name, Verdict.BROKEN, str(broken), broken.follows or promise.otherwise, _short(play.trace)
        )
    except NotShown as reason:
        return Finding(promise.name, Verdict.NOT_SHOWN, str(reason))
    return Finding(promise.name, Verdict.KEPT, "" if play.accounts else "by its answers alone")


async def _taken_back(play: Play, promise: Promise) -> list[Finding]:
    """Take back all orders of the promise. Return a broken finding if that fails."""
    play.trace, failed = [], False
    while play.orders:
        if promise.act.undo:
            failed |= (await _undo(play, promise.act)).error is not None
        play.orders.pop()
    name, follows = f"{promise.name}: taken back", "it is to be taken back by hand"
    return [Finding(name, Verdict.BROKEN, follows=follows, trace=_short(play.trace))] if failed else []


async def _undo(play: Play, act: Act) -> Answer:
    """Void what is held. Give back what was charged, or what void says is captured."""
    if any(act in family for family in MONEY):
        void = await play.answer(RELINQUISH.call(play))
        if void.error or not isinstance(void.value, PaymentReceipt):
            return void
        act = CAPTURE
    return await play.answer(act.undo_call(play))


def _short(trace: list[str]) -> tuple[str, ...]:
    """Return the trace, with a call that was repeated with the same answer only once."""
    times = [(call, len(list(same))) for call, same in groupby(trace)]
    return tuple(f"{number} times: {call}" if number > 1 else call for call, number in times)


# --- another Python process, which opens the same gateway by the same settings --------------------


@asynccontextmanager
async def _other_process(settings: Settings, port: Port) -> AsyncGenerator[Connection]:
    """Yield a pipe to another process, which takes a Call and returns its Answer; EOFError if it cannot."""
    context = get_context("spawn")  # a fork would share the gateway's connections
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, settings, port), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours  # pyright: ignore[reportReturnType] - another class on Windows
    finally:
        ours.close()
        await asyncio.to_thread(process.join, policy.OTHER_PROCESS_ENDS.total_seconds())


def _serve(pipe: Connection, settings: Settings, port: Port) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it stops our parent, and then we end
    configure_logging(settings)
    asyncio.run(_answer(pipe, settings, port))


async def _answer(pipe: Connection, settings: Settings, port: Port) -> None:
    async with open_order_system(settings) as system:
        try:
            while True:
                call = await asyncio.to_thread(pipe.recv)
                pipe.send(await carry_out(getattr(system.world, port), call))
        except (EOFError, OSError):
            return  # the parent asks no more

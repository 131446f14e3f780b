"""An event loop whose clock stands still until a test moves it: no time-out waits for a clock on the wall,
and the same run comes out the same."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from order_system.domain.book import Attempt

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def advance(self, by: timedelta) -> None:
        self.now += by

    def attempt_type(clock) -> type[Attempt]:  # noqa: N805
        """What an activity takes for the server's clock: this one."""

        @dataclass
        class AttemptOnThisClock(Attempt):
            def now(self) -> datetime:
                return clock.now

        return AttemptOnThisClock


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`asyncio.timeout` and `asyncio.sleep` go by the clock. Never wait here for time alone to pass."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._virtual = clock

    def time(self) -> float:
        return (self._virtual.now - NOON).total_seconds()

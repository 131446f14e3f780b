"""One attempt of an activity, led along from one call to the next: let go on, held, or killed in between.

An attempt comes to rest before each call to the book or to a gateway, if told so: before its claim, between
claim and call, between call and record. What it has sent by then may land all the same.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.testing import ActivityEnvironment

from order_system.domain import policy
from order_system.domain.errors import AnswerLost, NotReached
from order_system.domain.messages import StepRequest
from order_system.domain.order import FirstAttempts
from tests.fixtures.shops.activity_calls import ServerKnows
from tests.properties.gateways import REFUSALS, Gateways, Request
from tests.properties.virtual_time import Clock

WRONG = timedelta(hours=1)
"""A worker's clock, by which its local activities start."""


class Trouble(StrEnum):
    REFUSED = "refused"
    NOT_REACHED = "not reached"
    NO_ANSWER = "landed, answer lost"
    UNDER_WAY = "no answer, and still on its way"


@dataclass(frozen=True)
class Fate:
    """What becomes of an attempt from here on. By default it runs to its end."""

    calls: int | None = None
    """How many calls it may make before it comes to rest."""
    killed: bool = False
    """At rest, its worker dies."""
    trouble: Trouble | None = None
    spared: int = 0
    """How many calls to gateways go well before the trouble comes."""
    answer_lost: bool = False
    """It ends well, but its worker dies before Temporal hears of it."""


class Attempt:
    def __init__(
        self,
        kind: str,
        submission: Any,
        clock: Clock,
        gateways: Gateways,
        in_flight: list[Request],
    ) -> None:
        self.kind = kind
        self.submission = submission
        self._clock = clock
        self._gateways = gateways
        self._in_flight = in_flight
        self._deadline = clock.now + policy.EFFECT_ATTEMPT
        self._fate = Fate()
        self._made = 0
        self._spared = 0
        self._go_on: asyncio.Future[None] | None = None
        self._at_rest: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None

    @property
    def done(self) -> bool:
        return self._task is not None and self._task.done()

    @property
    def killed(self) -> bool:
        return self._task is not None and self._task.cancelled()

    @property
    def heard_of(self) -> bool:
        """Whether Temporal, and so the workflow, knows how it ended."""
        return self.done and not self.killed and not self._fate.answer_lost

    def outcome(self) -> Any:
        """What the activity returned, or the exception that it raised."""
        assert self._task is not None
        return self._task.exception() or self._task.result()

    async def begin(self, activity: Callable[[Any], Any], request: Any, fate: Fate) -> None:
        asks = self.submission
        server: Any = ServerKnows(lambda: asks.ref.submission if asks.alive else None)
        environment = ActivityEnvironment(client=server)
        environment.info = dataclasses.replace(
            environment.info,
            started_time=self._clock.now,
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
        )
        if isinstance(request, StepRequest) and asks.order.first_attempts is FirstAttempts.LOCAL:
            request = request.model_copy(update={"first_attempt_at": self._clock.now})
            local = {"started_time": self._clock.now - WRONG, "start_to_close_timeout": policy.FIRST_ATTEMPT}
            environment.info = dataclasses.replace(environment.info, is_local=True, **local)
        self._task = asyncio.create_task(environment.run(activity, request))
        await self._lead(fate)

    async def resume(self, fate: Fate) -> None:
        await self._lead(fate)

    async def kill(self) -> None:
        """No handler of the activity's does any I/O on a cancel, so it dies as if its process had."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _lead(self, fate: Fate) -> None:
        assert self._task is not None
        self._fate, self._made, self._spared = fate, 0, 0
        self._at_rest = asyncio.get_running_loop().create_future()
        self._task.add_done_callback(self._rest)
        if self._go_on is not None and not self._go_on.done():
            self._go_on.set_result(None)
        await self._at_rest
        if fate.killed and not self.done:
            await self.kill()

    def _rest(self, *_: Any) -> None:
        if self._at_rest is not None and not self._at_rest.done():
            self._at_rest.set_result(None)

    async def before_call(self) -> None:
        if self._fate.calls is not None and self._made >= self._fate.calls:
            self._go_on = asyncio.get_running_loop().create_future()
            self._rest()
            await self._go_on
            self._go_on = None
        self._made += 1

    async def send(self, name: str, key: str, **kwargs: Any) -> Any:
        request = self._gateways.request(name, key, self._deadline, kwargs)
        try:
            await self.before_call()
        except asyncio.CancelledError:  # killed, or its time is up
            self._in_flight.append(request)
            raise
        match self._trouble_now():
            case Trouble.NOT_REACHED:
                raise NotReached(name)
            case Trouble.REFUSED if name in REFUSALS and not self._gateways.knows(request):
                raise REFUSALS[name]("no")
            case Trouble.UNDER_WAY:
                self._in_flight.append(request)
                raise AnswerLost(name)
            case Trouble.NO_ANSWER:
                await request.land()
                raise AnswerLost(name)
            case _:
                return await request.land()

    def _trouble_now(self) -> Trouble | None:
        self._spared += 1
        return self._fate.trouble if self._spared == self._fate.spared + 1 else None


class LedBook:
    """The real book, each call of which waits for the attempt to be let go on."""

    def __init__(self, book: Any, attempt: Attempt) -> None:
        self._book = book
        self._attempt = attempt

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._book, name)

        async def led(*args: Any, **kwargs: Any) -> Any:
            await self._attempt.before_call()
            return await method(*args, **kwargs)

        return led


class LedGateways:
    """All four gateways in one, likewise."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __getattr__(self, name: str) -> Any:
        if name == "send_details":  # a mailer may offer it, and ours does not
            raise AttributeError(name)

        async def sent(key: str, **kwargs: Any) -> Any:
            # The carrier's void knows a key alone.
            called = "void_payment" if name == "void" and "receipt" in kwargs else name
            return await self._attempt.send(called, key, **kwargs)

        return sent

"""What a chaos worker does to its own calls at the named points: `ports.py` leads each call through here.

Which blow falls is told by the plan. That it falls once, whichever process comes to the point first and
however often it is killed, is told by a marker file that only one of them can create.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from activities.attempts import attempt_number
from order_system.domain import policy
from order_system.domain.errors import AnswerLost, DatabaseUnreachable, NotReached
from order_system.domain.ids import batch_workflow_id, order_workflow_id
from order_system.gateways.simulated.faults import chance
from tests.chaos.cases import NEVER_WORKS, START, TERMINATES, Blow, Fault
from tests.chaos.diary import IN_TIME, Diary, Entry
from tests.chaos.points import after, before, child_at, is_gateway
from tests.chaos.stage import Stage

Send = Callable[[], Awaitable[Any]]

LANDS = {Blow.STALL: 0.93, Blow.LATE: 1.25, Blow.RACE: 2.0}
"""When what hung lands, by the attempt's time, and after its caller has given up (policy.GATEWAY_CALL is
shorter). What is to land together with the retry lands alone if that has not come by then."""
GRANT_SECONDS = 5
"""How long a worker waits for the director to do what it asks for."""
HESITATION_SECONDS = 0.2
"""After a cancel a call goes on at once or up to this much later."""
WAITS_FOR_SETTLING = 0.8
"""Of an attempt's time. After a terminate nobody waits for the call: it goes on when the order, submitted
again, has settled its older submission, or else as late as this."""
WAITS_FOR_A_COMMAND = 30.0
"""Seconds. The command line that submits other content has to start first, at any pace."""

_ASKS_THE_DIRECTOR = {
    *(Blow.SERVER, Blow.LOCKED, Blow.REFUSING, Blow.BOOK_AWAY, Blow.GATEWAY_AWAY),
    *(Blow.SECOND_BOOK, Blow.BOOK_REPLACED),
}


class FaultLayer:
    def __init__(self, stage: Stage, faults: dict[tuple[str, str], Fault], diary: Diary) -> None:
        self.temporal: Client | None = None
        self.stage = stage
        self._faults = faults
        self._beside = {(order_id, fault.beside): fault for (order_id, _), fault in faults.items()}
        self._diary = diary
        self._background: set[asyncio.Task[None]] = set()

    async def pass_through(self, order_id: str, call: str, send: Send) -> Any:
        await self._at(order_id, before(call), send)
        answer = await send()
        await self._at(order_id, after(call), None)
        return answer

    async def _at(self, order_id: str, point: str, send: Send | None) -> None:
        if fault := self._beside.get((order_id, point)):
            await self._keep_company(order_id, fault)
        fault = self._faults.get((order_id, point))
        if fault is None:
            return
        if fault.beside:
            await self._wait_for_company(order_id, fault)
        if fault.blows[0] in NEVER_WORKS:
            if self.stage.marked(_mark(order_id, point, "answered")):
                return  # its batch has started the order anew since
            self._fires_first(order_id, point, fault.blows[0])
            raise NotReached(f"{point}: connection refused, as ever (chaos)")
        for nth, blow in islice(enumerate(fault.blows), _missed(fault), None):
            if entry := self._fires_first(order_id, point, blow, nth, fault.beside):
                await self._strike(blow, entry, send)
                return

    def _fires_first(
        self, order_id: str, point: str, blow: Blow, nth: int = 0, beside: str = ""
    ) -> Entry | None:
        """Noted by the first one that comes to it alone."""
        if not self.stage.first_to_mark(_mark(order_id, point, f"{nth}.blow")):
            return None
        return self._diary.write("fired", order_id=order_id, point=point, blow=blow, nth=nth, beside=beside)

    # --- two steps side by side ------------------------------------------------------------------

    async def _wait_for_company(self, order_id: str, fault: Fault) -> None:
        """Until the step beside this one has come to its point: then the first blow falls."""
        if not await self.stage.until_marked(_mark(order_id, fault.beside, "there"), _longest_wait()):
            raise NotReached(f"{fault.point}: the other step is not at its point yet (chaos)")
        if not is_gateway(fault.beside):
            await asyncio.sleep(HESITATION_SECONDS)  # until its child has closed, too

    async def _keep_company(self, order_id: str, fault: Fault) -> None:
        """At a gateway, until that blow has fallen; else the step goes on to its end."""
        self.stage.first_to_mark(_mark(order_id, fault.beside, "there"))
        fell = _mark(order_id, fault.point, "0.blow")
        if is_gateway(fault.beside) and not await self.stage.until_marked(fell, _longest_wait()):
            raise NotReached(f"{fault.beside}: the other step is not at its point yet (chaos)")

    def slow_start(self, order_id: str, replaying: bool) -> bool:
        """Whether the order's start by its batch takes long; noted as fired when it does."""
        slow = (order_id, START) in self._faults
        if slow and not replaying:
            self._fires_first(order_id, START, Blow.SLOW_START)
        return slow

    async def _strike(self, blow: Blow, entry: Entry, send: Send | None) -> None:
        match blow:
            case Blow.ERROR:
                raise _trouble(entry)
            case Blow.TOGETHER:
                pass
            case Blow.CRASH:
                os.kill(os.getpid(), signal.SIGKILL)
            case Blow.DRAIN:
                os.kill(os.getpid(), signal.SIGTERM)
            case Blow.FREEZE:
                os.kill(os.getpid(), signal.SIGSTOP)  # the director wakes us
            case Blow.STALL | Blow.LATE | Blow.RACE:
                await self._stall(entry, send)
            case Blow.MEET:
                self.stage.first_to_mark(f"{entry.place}.met")
            case _ if blow in _ASKS_THE_DIRECTOR:
                if not await self.stage.until_marked(f"{entry.name}.granted", GRANT_SECONDS):
                    self._diary.write(**entry.then("fizzled"))
            case _:
                await self._interfere(blow, entry)

    # --- hanging ---------------------------------------------------------------------------------

    async def _stall(self, entry: Entry, send: Send | None) -> None:
        """A request that is lost on its way lands later by itself; its sender hears nothing in time. In the
        book, the whole attempt hangs until the server has given it up, and then goes on."""
        limit = policy.EFFECT_ATTEMPT.total_seconds()
        started = activity.info().started_time.timestamp()
        if not is_gateway(entry.point):
            await _sleep_until(started + limit * 1.05)
            return
        if send is not None:
            self._in_background(self._land(entry, send, started + limit * LANDS[Blow(entry.blow)]))
        await _sleep_until(started + limit * 1.2)
        raise TimeoutError(f"{entry.point}: no answer for longer than anybody waits (chaos)")

    async def _land(self, entry: Entry, send: Send, due: float) -> None:
        self._diary.write(**entry.then("under way", due=due))
        if entry.blow == Blow.RACE:
            await self.stage.until_marked(f"{entry.place}.met", due - time.time())
        else:
            await _sleep_until(due)
        try:
            await send()
            answer = "landed"
        except Exception as refusal:
            answer = f"refused: {type(refusal).__name__}"
        self._diary.write(**entry.then(answer))

    # --- cancel and terminate --------------------------------------------------------------------

    async def _interfere(self, blow: Blow, entry: Entry) -> None:
        """Half of the requests arrive before the call goes on, the other half at the same time."""
        if _drawn(entry) < 0.5:
            self._in_background(self._request(blow, entry, accepted="accepted"))
        else:
            await self._request(blow, entry, accepted=IN_TIME)
        if blow in TERMINATES:
            longest = policy.EFFECT_ATTEMPT.total_seconds() * WAITS_FOR_SETTLING
            if blow is Blow.OTHER_CONTENT:
                longest = WAITS_FOR_A_COMMAND
            await self.stage.until_marked(f"{entry.name}.granted", longest)
        else:
            await asyncio.sleep(_drawn(entry, "pause") * HESITATION_SECONDS)

    async def _request(self, blow: Blow, entry: Entry, *, accepted: str) -> None:
        assert self.temporal is not None
        order = order_workflow_id(entry.order_id)
        match blow:
            case Blow.CANCEL_CHILD | Blow.TERMINATE_CHILD:
                target = f"{child_at(entry.point)}-{entry.order_id}"
            case Blow.CANCEL_BATCH | Blow.TERMINATE_BATCH:
                described = await self.temporal.get_workflow_handle(order).describe()
                target = described.parent_id or batch_workflow_id("unknown")
            case _:
                target = order
        handle = self.temporal.get_workflow_handle(target)
        try:
            if blow in (Blow.CANCEL, Blow.CANCEL_CHILD, Blow.CANCEL_BATCH):
                await handle.cancel()
            else:
                await handle.terminate("chaos")
            self._diary.write(**entry.then(accepted))
        except RPCError as refused:
            self._diary.write(**entry.then(f"fizzled: {refused.message}"))

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _mark(order_id: str, point: str, what: str) -> str:
    return f"{order_id}.{point.replace(' ', '-')}.{what}"


def _longest_wait() -> float:
    """Seconds that fit into an attempt."""
    return policy.GATEWAY_CALL.total_seconds() / 2


def _missed(fault: Fault) -> int:
    """Blows that end with one for the last attempt are counted by attempts: a kill or an outage may take an
    attempt before it comes here, and the last one must be met all the same. An outage of the book takes
    several, which are not held against the gateway: there are more attempts then than blows."""
    by_attempts = len(fault.blows) > 1 and fault.blows[-1] in LANDS
    return min(attempt_number(), len(fault.blows)) - 1 if by_attempts else 0


def _trouble(entry: Entry) -> Exception:
    when, _, call = entry.point.partition(" ")
    if not is_gateway(entry.point):
        return DatabaseUnreachable(f"{call}: database is locked (chaos)")
    if when == "after":
        return AnswerLost(f"{call}: no answer (chaos)")
    if _drawn(entry) < 0.5:
        return NotReached(f"{call}: connection refused (chaos)")
    return ConnectionResetError(f"{call}: connection reset (chaos)")


def _drawn(entry: Entry, what: str = "") -> float:
    """[0, 1), the same for the same seed, which is part of the order's ID."""
    return chance(entry.order_id, entry.point, entry.nth, what)


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.time()))

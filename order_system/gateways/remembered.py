"""A memory for clients of providers that repeat a call when asked twice, and cannot say what they did.

Before each call, an *intent* is written to our database: which process makes the call, and when. The answer
is stored beside the intent and returned to every later caller, in any process. A definite no or `NotReached`
deletes the intent. A call without an answer is never sent again: a person is told to look at the provider.

A call continues after its caller has given up, so its answer is still stored. The next caller waits for that
answer, and so does an undo of the call, as long as `policy.WAITS`."""

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from inspect import signature
from typing import Any, NamedTuple, get_type_hints

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.engine import Connection

from order_system.domain import errors
from order_system.domain import gateways as ports
from order_system.gateways import policy
from order_system.infra.database import Database, OverDatabase, UtcDateTime, writes

intents = sa.Table(
    "remembered_calls",
    sa.MetaData(),
    sa.Column("submission", sa.String(130), primary_key=True),
    sa.Column("method", sa.String(16), primary_key=True),
    sa.Column("sent_by", sa.String(255), nullable=False),
    sa.Column("sent_at", UtcDateTime, nullable=False),
    # From this moment on, the call is no longer under way, answered or not.
    sa.Column("over_at", UtcDateTime, nullable=False),
    sa.Column("answer", sa.JSON(none_as_null=True)),
)
"""A submission calls each method once, so `submission` is the start of a key: `<order id>:<submission>`."""

_ANSWERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(get_type_hints(method)["return"])
    for port in (
        *(ports.PaymentGateway, ports.RefundsParts, ports.Warehouse),
        *(ports.Carrier, ports.Mailer, ports.DetailedMailer),
    )
    for name, method in vars(port).items()
    if not name.startswith("_")
}
"""The answer types of the methods that are remembered. `find_payment` is not: it changes nothing."""

_HOLDING = ("authorise", "capture", "void", "take_over")


class _Method(NamedTuple):
    effect: str | None
    """The end of its key. None if a submission has several such calls, each with its own key."""
    about: tuple[str, ...] = ()
    """The earlier calls that it builds on. Those that were made must be answered first."""
    cure: str = "if it was not done, do that there"


_METHODS = {
    "charge": _Method("charge", cure="if it was made, refund it there"),
    "refund": _Method("charge", about=("charge",)),
    "refund_part": _Method(None),
    "reserve": _Method("reserve", cure="if it was made, release it there"),
    "release": _Method("reserve", about=("reserve",)),
    "commit": _Method("reserve", about=("reserve",)),
    "buy_label": _Method("label", cure="if it was bought, void it there"),
    "dispatch": _Method("dispatch", about=("buy_label",), cure="is the parcel gone?"),
    "void": _Method("label", about=("dispatch", "buy_label")),
    **dict.fromkeys(("send", "send_details"), _Method("notify")),
}


@dataclass(frozen=True)
class _Call:
    submission: str
    method: str
    key: str
    client: Callable[..., Awaitable[Any]]
    given: dict[str, Any]
    sent_by: str = field(default_factory=lambda: f"{os.getpid()}@{socket.gethostname()}/{uuid.uuid4().hex}")
    """The process, and which call of it: only this call may change its intent."""

    def about(self, known: dict[str, sa.Row[Any]]) -> list[sa.Row[Any]]:
        """Return the rows of this call and of the calls it builds on, as far as they were made."""
        return [known[each] for each in (self.method, *_METHODS[self.method].about) if each in known]

    async def answer(self, about: list[sa.Row[Any]]) -> Any:
        if self.method == "void" and not about:  # it binds later calls; the provider has nothing to void
            return ports.Voided(label_existed=False)
        given = self.given
        if "receipt" in {*given, *signature(self.client).parameters} and not given.get("receipt"):
            given = given | {"receipt": next(map(_remembered, about), None)}
        return _ANSWERS[self.method].validate_python(await self.client(self.key, **given))


class Remembered(OverDatabase):
    """A gateway with the methods of `client`, which may be of any port. It makes each call at most once.

    If a method of the client takes a `receipt`, it gets an earlier answer: `refund` gets the charge's,
    `release` and `commit` get the reservation, `dispatch` and `void` get the label.

    It cannot hold money: it hides `authorise`, `capture`, `void` and `take_over` of a client that can.

    Its methods raise what the client raises, AnswerLost for a call that is still under way, and
    OutcomeUnknown for a call that will never be answered."""

    def __init__(self, client: object, database: Database) -> None:
        super().__init__(database)
        self._client = client
        self._under_way = set[asyncio.Task[Any]]()

    def __getattr__(self, name: str) -> Any:
        if name in _HOLDING and hasattr(self._client, "authorise"):
            raise AttributeError(f"{name}: what holds money cannot be remembered")
        method = getattr(self._client, name)

        async def once(key: str, **given: Any) -> Any:
            submission = key if _METHODS[name].effect is None else key.rpartition(":")[0]
            call = _Call(submission, name, key, method, given)
            return await asyncio.shield(self._goes_on(self._once(call)))

        return once if name in _ANSWERS else method

    def _goes_on(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _once(self, call: _Call) -> Any:
        waits_until = datetime.now(UTC) + policy.WAITS
        while True:
            try:
                about, begun = await self._begin(call)
            except errors.DatabaseUnreachable:  # the intent may be there all the same, and nothing was sent
                self._goes_on(self._end(call))
                raise
            if begun and datetime.now(UTC) < waits_until:
                return await self._send(call, about)
            if begun:  # too late: an undo may have found nothing meanwhile
                await self._end(call)
                raise errors.NotReached(f"{call.method}: our database answered too late to begin")
            if all(each.answer is not None for each in about):
                return next(map(_remembered, about), None)
            _check_under_way(about, waits_until)
            await asyncio.sleep(policy.LOOKS_AGAIN.total_seconds())

    @writes
    def _begin(self, tx: Connection, call: _Call) -> tuple[list[sa.Row[Any]], bool]:
        """Return the known rows, and whether to send now; if so, write the intent. Raises ShippingRefused."""
        _lock(tx, call)
        found = tx.execute(sa.select(intents).filter_by(submission=call.submission))
        known = {each.method: each for each in found}
        if "void" in known and call.method in ("buy_label", "dispatch"):
            raise errors.ShippingRefused(f"the label of {call.submission} was voided")
        about = call.about(known)
        decided = any(each.answer is None or each.method in (call.method, "dispatch") for each in about)
        nothing_there = call.method in ("refund", "release") and not about and not call.given.get("receipt")
        if decided or nothing_there:
            return about, False
        now = datetime.now(UTC)
        new = {"sent_by": call.sent_by, "sent_at": now, "over_at": now + policy.SENT_ONCE}
        tx.execute(sa.insert(intents).values(submission=call.submission, method=call.method, **new))
        return about, True

    async def _send(self, call: _Call, about: list[sa.Row[Any]]) -> Any:
        try:
            async with asyncio.timeout(policy.SENT_ONCE.total_seconds()):
                answer = await call.answer(about)
        except (errors.BusinessError, errors.NotReached):
            await self._end(call)
            raise
        except Exception:
            await self._end(call, over_at=datetime.now(UTC))
            raise
        content = _ANSWERS[call.method].dump_python(answer, mode="json")
        # None is not stored: the provider has nothing to undo (yet), and may be asked again.
        await self._end(call, **({} if answer is None else {"answer": content}))
        return answer

    async def _end(self, call: _Call, **values: Any) -> None:
        """Write `values` to our intent, or delete it if there are none. Retries if our database is away: the
        try before may have been committed, and by now the call may be another's."""
        ours = {name: getattr(call, name) for name in ("submission", "method", "sent_by")}
        how = sa.update(intents).values(**values) if values else sa.delete(intents)
        while True:
            with suppress(errors.DatabaseUnreachable):
                return await self._write(call, how.filter_by(**ours))
            await asyncio.sleep(policy.LOOKS_AGAIN.total_seconds())

    @writes
    def _write(self, tx: Connection, call: _Call, how: sa.Update | sa.Delete) -> None:
        _lock(tx, call)
        tx.execute(how)


def _lock(tx: Connection, call: _Call) -> None:
    """Let nobody else write about this submission, not even a commit that nobody heard of. SQLite has one
    writer."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(call.submission))))


def _remembered(row: sa.Row[Any]) -> Any:
    return _ANSWERS[row.method].validate_python(row.answer)


def _check_under_way(about: list[sa.Row[Any]], waits_until: datetime) -> None:
    """Raise OutcomeUnknown once no answer can come any more, or AnswerLost once the wait is over."""
    call, now = next(each for each in about if each.answer is None), datetime.now(UTC)
    sent = f"{call.method} was begun once, at {call.sent_at:%Y-%m-%d %H:%M:%S} UTC by process {call.sent_by}"
    if now >= call.over_at:
        made = _METHODS[call.method]
        key = f"{call.submission}:{made.effect}" if made.effect else call.submission
        told = (
            f"{sent}, and no answer came. It is not sent again. Look at the provider: {made.cure}. Key: {key}"
        )
        raise errors.OutcomeUnknown(told)
    if now >= waits_until:
        raise errors.AnswerLost(f"{sent}, and its answer is still awaited")

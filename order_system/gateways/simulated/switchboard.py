"""Every call to the simulated world passes here: it is delayed, counted, and may be struck by a fault.

A call is one transaction, which counts the call even when it fails; otherwise each retry would draw the
first fault again. So a fault is caught, the count committed, and only then the fault raised."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from hashlib import blake2b
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Row, Table, bindparam, func, insert, select, update
from sqlalchemy.engine import Connection

from order_system.domain.errors import AnswerLost, BusinessError, NotReached
from order_system.domain.ids import split_key
from order_system.gateways.simulated.behaviours import scripted_fault
from order_system.gateways.simulated.faults import NEVER, FaultKind, FaultRates, Operation, chance, draw_fault
from order_system.gateways.simulated.tables import calls, submissions
from order_system.infra.database import (
    Database,
    OverDatabase,
    Prepared,
    TroubleTold,
    insert_into,
    insert_unless_there,
)

P = ParamSpec("P")
Answer = TypeVar("Answer")
Gateway = TypeVar("Gateway", bound="AtSwitchboard")

_OF_ORDER = submissions.c.order_id == bindparam("order_id")
_NUMBER = select(submissions.c.number).where(_OF_ORDER, submissions.c.submission == bindparam("submission"))
_NEXT_NUMBER = select(func.count() + 1).select_from(submissions).where(_OF_ORDER)


def id_from(prefix: str, key: str) -> str:
    """Return the gateway's own ID for what `key` made. It is derived: the same key gives the same ID."""
    return f"{prefix}_{blake2b(key.encode(), digest_size=8).hexdigest()}"


@dataclass
class Call:
    """One call under way, with all that the gateway's transaction needs."""

    connection: Connection
    operation: Operation
    number: int
    """Counts the calls of this operation with the same key, from 1."""
    drawn: FaultKind | None
    answer_lost: bool = False

    def meet_trouble(self, tokens: Iterable[str | None], *, refusal: BusinessError | None = None) -> None:
        """Let the fault strike that a token prescribes, or else the one that was drawn.

        `refusal` is the gateway's no; None if it cannot say no, as when the effect exists already. Call this
        before writing: an error from here ends the call, and all that was written before is committed."""
        fault = scripted_fault(self.operation, tokens, self.number) or self.drawn
        if fault is FaultKind.NOT_REACHED:
            raise NotReached(f"{self.operation}: the gateway could not be reached (simulated)")
        if fault is FaultKind.REFUSED and refusal is not None:
            raise refusal
        self.answer_lost = fault is FaultKind.ANSWER_LOST

    def find(self, table: Table, key: str) -> Row[Any] | None:
        """Return the row with this primary key, if any."""
        return _by_key(table).row(self.connection, {"key": key})

    def get(self, table: Table, key: str) -> Row[Any]:
        """Return the row with this primary key, which must exist."""
        [row] = _by_key(table).rows(self.connection, {"key": key})
        return row

    def move(self, table: Table, key: str, before: str, now: str, **more: str) -> bool:
        """Change the row's state, and return whether this call did it: of two at once, only one does."""
        changed = {"of_key": key, "state": now, **more}
        return bool(_leave(table, before).changes(self.connection, changed))

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        _insert(table).changes(self.connection, row)

    def insert_unless_there(self, table: Table, row: Mapping[str, Any]) -> None:
        insert_unless_there(self.connection, table, row)


@dataclass(frozen=True)
class Switchboard:
    database: Database
    faults: FaultRates
    seed: int
    latency: tuple[float, float]
    """The least and the most time that a call takes, in seconds; 0 and 0 never sleep."""

    def one_way(self, operation: Operation, order_id: str) -> float:
        """Return half the time that this call takes, in seconds. It is the same for each retry."""
        least, most = self.latency
        return (least + (most - least) * chance(self.seed, order_id, operation, "latency")) / 2

    def count(self, tx: Connection, operation: Operation, key: str) -> Call:
        """Count the call and draw its fault. On PostgreSQL the counter's row makes calls of a key queue."""
        [(count,)] = _counting(tx.dialect.name).rows(tx, {"key": key, "operation": operation})
        if self.faults.get(operation.step, NEVER) == NEVER:
            return Call(tx, operation, count, None)
        order_id, submission, _ = split_key(key)
        drawn = draw_fault(
            self.faults,
            operation,
            seed=self.seed,
            order_id=order_id,
            submission_number=_submission_number(tx, order_id, submission),
            earlier_calls=count - 1,
        )
        return Call(tx, operation, count, drawn)


class AtSwitchboard(OverDatabase):
    """A gateway whose methods pass through the switchboard. If `strict`, only what it has received exists."""

    def __init__(self, switchboard: Switchboard, *, strict: bool = False) -> None:
        super().__init__(switchboard.database)
        self.switchboard, self.strict = switchboard, strict


def call_of(operation: Operation):
    """Make the method a call of this operation, in one transaction. Calls are counted by `charge_key`, or
    else by their first argument. A call raises what the method raises, AnswerLost after the commit, or
    DatabaseUnreachable.

    Half of the time passes before the transaction and half after it, so a caller that dies meanwhile may
    leave either case behind."""

    def made(
        method: Callable[Concatenate[Gateway, Call, P], Answer],
    ) -> "Callable[Concatenate[Gateway, P], CoroutineType[Any, Any, Answer]]":
        @wraps(method)
        async def calling(self: Gateway, /, *arguments: P.args, **named: P.kwargs) -> Answer:
            key = str(named.get("charge_key") or next(iter((*arguments, *named.values()))))
            order_id, _, _ = split_key(key)
            one_way = self.switchboard.one_way(operation, order_id)

            def arrive(tx: Connection) -> tuple[Call, Answer | BusinessError | NotReached]:
                call = self.switchboard.count(tx, operation, key)
                try:
                    return call, method(self, call, *arguments, **named)
                except (BusinessError, NotReached) as error:
                    return call, error

            await _travel(one_way)
            with TroubleTold("the database of the simulated gateways"):
                call, answer = await self.database.write(arrive)
            await _travel(one_way)
            if call.answer_lost:
                raise AnswerLost(f"{operation}: no answer came (simulated)")
            if isinstance(answer, BusinessError | NotReached):
                raise answer
            return answer

        return calling

    return made


@cache
def _by_key(table: Table) -> Prepared:
    [key] = table.primary_key
    return Prepared(select(table).where(key == bindparam("key")))


@cache
def _leave(table: Table, state: str) -> Prepared:
    [key] = table.primary_key
    return Prepared(update(table).where(key == bindparam("of_key"), table.c.state == state))


@cache
def _insert(table: Table) -> Prepared:
    return Prepared(insert(table))


@cache
def _counting(dialect: str) -> Prepared:
    first = insert_into(dialect, calls).values(count=1)
    counted = first.on_conflict_do_update(
        index_elements=[calls.c.key, calls.c.operation], set_={"count": calls.c.count + 1}
    )
    return Prepared(counted.returning(calls.c.count))


def _submission_number(tx: Connection, order_id: str, submission: str) -> int:
    """Return 1 for the order's first submission that the world sees, 2 for the next, and so on. Numbers are
    not UNIQUE: two submissions that came at the same instant would only draw the same faults."""
    key = {"order_id": order_id, "submission": submission}
    number = tx.scalar(_NUMBER, key)
    if number is None:
        arrival = key | {"number": tx.scalar(_NEXT_NUMBER, {"order_id": order_id})}
        insert_unless_there(tx, submissions, arrival)
        return tx.execute(_NUMBER, key).scalar_one()
    return number


async def _travel(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)

"""Transactions in SQL, for the book and for the simulated world: SQLite by default, PostgreSQL by URL.

A transaction is a plain function. `await database.write(work, ...)` has a thread carry out `work(tx, ...)`
from BEGIN to COMMIT, and returns its answer: one trip to a thread, not one for each statement. A transaction
that has begun runs to its end. A caller that gives up meanwhile does not hear how it ended. In a subclass of
OverDatabase, `@writes` or `@reads` makes a method a transaction: its callers await it, and leave out `tx`.

SQLite has one writer. Our writes queue in order for one thread, since SQLite itself polls. For another
process, or a row in PostgreSQL, a write waits up to `policy.DATABASE_BUSY`. It takes SQLite's write lock at
once (`BEGIN IMMEDIATE`): a transaction that reads first and then writes can be refused half-way."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial, wraps
from pathlib import Path
from threading import Event, local
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from order_system.domain.errors import BookGone, DatabaseUnreachable, DatabaseUnready
from order_system.infra.database import engines as database_engines
from order_system.infra.database import identity
from order_system.infra.database.engines import MAY_PASS, READ_ONLY, connections_to, reason_of
from order_system.infra.process import STARTER
from order_system.infra.telemetry.process import TELEMETRY

MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = sorted(file.stem[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))

_TROUBLE = (OperationalError, InterfaceError, InternalError, PoolTimeout, sqlite3.OperationalError)

READERS = 4
"""Threads for reading from SQLite: so many long reads may run at once."""

P = ParamSpec("P")
Answer = TypeVar("Answer")


class Database:
    """Transactions on one database. `write` and `read` commit at the end, and roll back on error."""

    def __init__(self, url: str, *, email_key: str | None = None) -> None:
        self.url = make_url(url)
        self.book = ""
        """ID of the book that `prepare` has found."""
        self.email_key = email_key
        """The key for hashing e-mails: the one that was set or, once it is needed, the book's own."""
        self._file: tuple[int, int] | None = None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._is_file = self.is_sqlite and self.url.database not in (None, "", ":memory:")
        if self.is_sqlite and self.url.database:
            database_engines.make_folder(Path(self.url.database).parent)
        connect = database_engines.sqlite if self.is_sqlite else database_engines.postgresql
        self._engine = connect(self.url)
        # A consistent snapshot for the length of a read: SQLite has one anyhow.
        snapshot = {READ_ONLY: True} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading_engine = self._engine.execution_options(**snapshot)
        writers, readers = (1, READERS) if self.is_sqlite else (connections_to(self.url),) * 2
        self._writers = ThreadPoolExecutor(writers, "database-write")
        self._readers = ThreadPoolExecutor(readers, "database-read")
        self._of_thread = local()
        self._kept: list[Connection] = []

    @property
    def shown(self) -> str:
        """The URL, without the password."""
        return self.url.render_as_string(hide_password=True)

    async def write(
        self, work: Callable[Concatenate[Connection, P], Answer], /, *arguments: P.args, **named: P.kwargs
    ) -> Answer:
        return await self._on_a_thread(self._writers, self._engine, lambda tx: work(tx, *arguments, **named))

    async def read(
        self, work: Callable[Concatenate[Connection, P], Answer], /, *arguments: P.args, **named: P.kwargs
    ) -> Answer:
        """Carry out `work` on one consistent snapshot."""
        return await self._on_a_thread(
            self._readers, self._reading_engine, lambda tx: work(tx, *arguments, **named)
        )

    async def _on_a_thread(
        self, threads: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], Answer]
    ) -> Answer:
        gone = Event()

        def transact() -> Answer:
            if self._file not in (None, identity.file_of(self.url)):  # takes a microsecond
                raise self._gone()
            tx = self._connection(engine)
            try:
                with tx.begin():
                    database_engines.begin(tx)
                    # The caller may have given up while we waited for SQLite's lock.
                    if gone.is_set():
                        raise CancelledError
                    return work(tx)
            finally:
                self._leave(tx)

        try:
            return await asyncio.get_running_loop().run_in_executor(threads, transact)
        except asyncio.CancelledError:
            gone.set()
            raise

    def _connection(self, engine: Engine) -> Connection:
        """Return a connection. SQLite's few threads keep theirs: the pool takes as long as a write."""
        if not self.is_sqlite:
            return engine.connect()
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = engine.connect()
            self._kept.append(self._of_thread.connection)
        return self._of_thread.connection

    def _leave(self, connection: Connection) -> None:
        if self.is_sqlite:
            connection.connection.rollback()  # a failed commit leaves the connection in a transaction
        else:
            connection.close()

    async def migrate(self) -> None:
        """Bring the tables up to date. Idempotent; safe with several processes at once. Raises
        DatabaseUnready if the book that was in SQLite's file is gone."""
        await self._check_note()
        await self.write(_upgrade)

    async def prepare(self) -> None:
        """Make the database ready for use. SQLite is brought up to date on the spot, but PostgreSQL, which
        may be shared and large, only on command. Raises DatabaseUnready, and of it DatabaseUnreachable if
        waiting may help. From then on each transaction raises BookGone if SQLite's file is another."""
        try:
            await self._check_note()
            up_to_date = await self.read(_is_up_to_date)
            if not up_to_date and self.is_sqlite:
                await self.migrate()
            if up_to_date or self.is_sqlite:
                self.book = (await self.read(identity.identity_in)).book
        except SQLAlchemyError as failure:
            reason = reason_of(failure)
            if any(sign in reason for sign in MAY_PASS):
                told = f"the database {self.shown} cannot be reached: {reason}"
                raise DatabaseUnreachable(told) from failure
            raise DatabaseUnready(f"the database {self.shown} cannot be used: {reason}") from failure
        if not self.book:
            raise DatabaseUnready(f"the database's tables are not up to date: run `{STARTER} migrate`")
        self._file = identity.file_of(self.url) if self.is_sqlite else None
        if self._is_file:
            identity.note_book(self.url, self.book)

    async def _check_note(self) -> None:
        """Raises DatabaseUnready if the noted book is gone, before a new file or new tables replace it."""
        if not self._is_file or not (noted := identity.noted_book(self.url)):
            return
        found = await self._found_book() if identity.file_of(self.url) else None
        if found != noted:
            raise DatabaseUnready(
                f"book {noted} was here and is gone: put it back in {self.url.database}, or remove "
                f"{identity.note_beside(self.url)} to begin with "
                f"{f'book {found}' if found else 'an empty one'}"
            )

    async def check_book(self) -> None:
        """Raises BookGone if the book that `prepare` found is gone or another; not if nothing answers."""
        with suppress(SQLAlchemyError):
            if await self._found_book() != self.book:
                raise self._gone()

    async def _found_book(self) -> str | None:
        try:
            return (await self.read(identity.identity_in)).book
        except SQLAlchemyError as failure:
            if any(sign in str(failure) for sign in identity.IS_GONE):
                return None
            raise

    def _gone(self) -> BookGone:
        """The file may be copied back meanwhile, but only a person can say whether it is as it was."""
        book = f"book {self.book} is no longer in {self.shown}"
        return BookGone(f"{book}, or its file was replaced: put it back, if it is gone, and start again")

    async def compact(self) -> None:
        """Rewrite SQLite's file, whose free parts would keep the bytes of what was blanked or deleted.
        PostgreSQL's autovacuum sees to that by itself. Raises DatabaseUnreachable."""

        def rewrite() -> None:
            with closing(self._engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute("VACUUM")
                [(is_read, *_)] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                if is_read:  # SQLite returns this, and raises nothing
                    raise sqlite3.OperationalError("somebody reads what it had before")

        if self.is_sqlite:
            with TroubleTold():
                await asyncio.get_running_loop().run_in_executor(self._writers, rewrite)

    async def dispose(self) -> None:
        """Wait for the transactions that have begun, and close the connections."""
        for threads in (self._writers, self._readers):
            await asyncio.to_thread(threads.shutdown)
        for connection in self._kept:
            connection.close()
        self._engine.dispose()


class OverDatabase:
    """The base of classes whose methods are marked `@writes` and `@reads`."""

    def __init__(self, database: Database) -> None:
        self.database = database


Owner = TypeVar("Owner", bound=OverDatabase)


def writes(
    method: Callable[Concatenate[Owner, Connection, P], Answer],
) -> "Callable[Concatenate[Owner, P], CoroutineType[Any, Any, Answer]]":
    """Make the method one transaction that writes. Raises DatabaseUnreachable for a failure that may pass."""
    return _transaction(method, lambda database: database.write)


def reads(
    method: Callable[Concatenate[Owner, Connection, P], Answer],
) -> "Callable[Concatenate[Owner, P], CoroutineType[Any, Any, Answer]]":
    """Make the method one transaction that only reads, on one snapshot. Raises as `writes` does."""
    return _transaction(method, lambda database: database.read)


def _transaction(
    method: Callable[Concatenate[Owner, Connection, P], Answer],
    of: Callable[[Database], Callable[..., Awaitable[Answer]]],
) -> "Callable[Concatenate[Owner, P], CoroutineType[Any, Any, Answer]]":
    name = f"transaction {method.__name__.lstrip('_')}"

    @wraps(method)
    async def transaction(self: Owner, /, *arguments: P.args, **named: P.kwargs) -> Answer:
        with TELEMETRY.span(name), TroubleTold():
            return await of(self.database)(partial(method, self), *arguments, **named)

    return transaction


class TroubleTold:
    """Raises DatabaseUnreachable for what may pass: a full disk, a lost connection, a lock not released."""

    def __init__(self, what: str = "the order book") -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, trouble: BaseException | None, _trace: object) -> None:
        if isinstance(trouble, _TROUBLE):
            raise DatabaseUnreachable(f"{self._what} does not answer: {reason_of(trouble)}") from trouble


def _upgrade(connection: Connection) -> None:
    if _is_up_to_date(connection):
        return
    from alembic import command, config  # noqa: PLC0415 - a fifth of each command's start, and rarely needed

    alembic = config.Config()
    alembic.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")


def _is_up_to_date(connection: Connection) -> bool:
    """Return False for older tables. Raises DatabaseUnready for those that we may not use (docs/adr/0015)."""
    current, newest = identity.revision_in(connection), REVISIONS[-1]
    if current is None or current in REVISIONS:
        return current == newest
    if current < REVISIONS[0]:
        raise DatabaseUnready(
            f"the database is of revision {current}, from before the first release, and is not brought up "
            "to date: name another by ORDER_DATA_DIR or ORDER_DATABASE_URL, or move it away to begin anew"
        )
    if (least := identity.identity_in(connection).readable_from) > newest:
        raise DatabaseUnready(
            f"the database is of a newer version than this program: it takes one of revision {least} or later"
        )
    return True

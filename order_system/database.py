"""One door to SQL, for the book and for the simulated world: SQLite by default, PostgreSQL by URL.

On SQLite a writer takes the write lock at once (`BEGIN IMMEDIATE`): a transaction that began as a reader
and then writes can be refused half-way. Writers of one process queue on an asyncio lock, since SQLite's own
waiting polls with growing pauses; other processes are waited for up to `policy.DATABASE_BUSY`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import DateTime, Dialect, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator

from order_system import policy
from order_system.errors import DatabaseUnreachable, DatabaseUnready

MIGRATIONS = Path(__file__).parent / "migrations"

_MAY_PASS = (
    "Connection refused",
    "connection timeout expired",
    "failed to resolve host",
    "No route to host",
    "Network is unreachable",
    "Connection reset by peer",
    "server closed the connection unexpectedly",
    "the database system is",  # starting up, shutting down, in recovery
    "too many clients already",
    "remaining connection slots",
    "database is locked",
)
"""Neither driver has a type or a code for these: the words are all there is to tell them from a wrong
password, say, which no waiting cures."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC on every back end; SQLite itself would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """Transactions on one database. `writing` and `reading` commit at the end, and roll back on error."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            _make_folder(Path(self.url.database).parent)
        self._engine = _create_engine(self)
        self._reading_engine = self._engine.execution_options(order_read_only=True)
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            if self.is_sqlite:
                await stack.enter_async_context(self._writer)
            yield await stack.enter_async_context(self._engine.begin())

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A consistent snapshot for the length of the block."""
        async with self._reading_engine.connect() as connection:
            if not self.is_sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                yield connection

    async def migrate(self) -> None:
        """Bring the tables up to date. Idempotent; safe with several processes at once."""
        async with self.writing() as connection:
            await connection.run_sync(_upgrade)

    async def prepare(self) -> None:
        """Make ready to be used: SQLite is brought up to date on the spot; a PostgreSQL database, which
        may be shared and large, only on command. Raises DatabaseUnready, which is DatabaseUnreachable
        if waiting may help."""
        try:
            async with self.reading() as connection:
                up_to_date = await connection.run_sync(_is_up_to_date)
            if not up_to_date and self.is_sqlite:
                await self.migrate()
        except SQLAlchemyError as failure:
            cause = getattr(failure, "orig", None) or failure
            shown = self.url.render_as_string(hide_password=True)
            reason = " ".join(str(cause).split())
            if any(sign in reason for sign in _MAY_PASS):
                raise DatabaseUnreachable(f"the database {shown} cannot be reached: {reason}") from failure
            raise DatabaseUnready(f"the database {shown} cannot be used: {reason}") from failure
        except CommandError as failure:
            raise DatabaseUnready(
                f"the database is of a newer version than this program: {failure}"
            ) from failure
        if not up_to_date and not self.is_sqlite:
            raise DatabaseUnready("the database's tables are not up to date: run `python starter.py migrate`")

    async def dispose(self) -> None:
        """Close the connections; without it the driver's threads keep the process alive."""
        await self._engine.dispose()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise DatabaseUnready(f"the folder {folder} cannot be made: {failure.strerror}") from failure


def _create_engine(database: Database) -> AsyncEngine:
    if not database.is_sqlite:
        waits = {"connect_timeout": int(policy.DATABASE_CONNECT.total_seconds())}
        return create_async_engine(
            database.url,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={name: value for name, value in waits.items() if name not in database.url.query},
        )

    engine = create_async_engine(database.url, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = dbapi_connection.cursor()
        busy = int(policy.DATABASE_BUSY.total_seconds() * 1000)
        # synchronous=FULL: what the book has recorded survives a power cut, as Temporal's history does.
        for pragma in (f"busy_timeout={busy}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def _give_up_the_lock(dbapi_connection: Any, *_: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        # A caller was cancelled in mid-statement. SQLite keeps a closed connection, and its write lock, until
        # the statement is collected, and a traceback may hold that for long: so roll back before closing.
        with suppress(dbapi_connection.dbapi.Error):
            dbapi_connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        read_only = connection.get_execution_options().get("order_read_only", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")

    return engine


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(_alembic(connection), "head")


def _is_up_to_date(connection: Connection) -> bool:
    scripts = ScriptDirectory.from_config(_alembic(connection))
    current = MigrationContext.configure(connection).get_current_heads()
    scripts.get_revisions(current)  # raises CommandError for one that only a newer program knows
    return set(current) == set(scripts.get_heads())

"""Connections to SQLite and PostgreSQL: the URLs that we take, and the failures that waiting may cure."""

import re
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, exc, make_url
from sqlalchemy.engine import URL, Connection, Engine

from order_system.domain.errors import DatabaseUnready
from order_system.infra import policy
from order_system.infra.database.prepared import ask

DRIVERS = ("sqlite", "postgresql+psycopg")
PREPARE = "prepare_threshold"
"""A URL's parameter for psycopg, besides libpq's own: `none`, so that no statement is prepared."""

READ_ONLY = "order_read_only"
"""The execution option of SQLite's transactions that only read."""

POOL, POSTGRES_CONNECTIONS = "pool", "15"
"""A URL's parameter for PostgreSQL, and its default: how many connections a process has for reading, and as
many for writing. A transaction that waits for a row keeps its connection."""

MAY_PASS = (
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
"""Failures that may pass. No driver's type or code tells them from a wrong password, say: only words do."""


def checked(text: str) -> str:
    """Return the URL, with an absolute path if it names a file. Raises ValueError."""
    try:
        url = make_url(text)
    except exc.ArgumentError:
        raise ValueError("not a SQLAlchemy URL") from None
    if url.drivername not in DRIVERS:
        raise ValueError(f"the driver {url.drivername!r} is neither {' nor '.join(DRIVERS)}")
    if url.query.get(PREPARE, "none") != "none":
        raise ValueError(f"its {PREPARE} may be `none` alone")
    if not re.fullmatch(r"[1-9]\d{0,2}", str(url.query.get(POOL, POSTGRES_CONNECTIONS))):
        raise ValueError(f"its {POOL} is a number from 1 to 999")
    if url.drivername == "sqlite" and (not url.database or ":memory:" in url.database):
        raise ValueError("it names no file, and each thread would have a database in memory of its own")
    if url.drivername == "sqlite" and url.database and not url.database.startswith("file:"):
        return str(url.set(database=str(Path(url.database).absolute())))
    return text


def of_file(file: Path) -> str:
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def reason_of(failure: Exception) -> str:
    """Return the driver's own words in one line, without what SQLAlchemy adds about the statement."""
    return " ".join(str(getattr(failure, "orig", None) or failure).split())


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as failure:
        raise DatabaseUnready(f"the folder {folder} cannot be made: {failure.strerror}") from failure


def connections_to(url: URL) -> int:
    return int(str(url.query.get(POOL, POSTGRES_CONNECTIONS)))


def postgresql(url: URL) -> Engine:
    """Settings are made once for each connection: in each transaction they would cost much more. A pooler
    that hands connections on after each transaction must make them itself (docs/cluster.md)."""
    gone = int(policy.DATABASE_GONE.total_seconds())
    waits = {
        "connect_timeout": int(policy.DATABASE_CONNECT.total_seconds()),
        # With these, the system tells a thread that its server is gone. It would wait for hours otherwise.
        "keepalives_idle": gone // 3,
        "keepalives_interval": gone // 3,
        "keepalives_count": 2,
        "tcp_user_timeout": gone * 1000,
    }
    engine = create_engine(
        url.difference_update_query([PREPARE, POOL]),
        pool_pre_ping=True,
        hide_parameters=True,
        pool_size=connections_to(url),
        max_overflow=connections_to(url),
        connect_args={name: value for name, value in waits.items() if name not in url.query},
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        # A caller can give up, its thread cannot. Without this, all threads could end up waiting for one row.
        busy = int(policy.DATABASE_BUSY.total_seconds() * 1000)
        dbapi_connection.execute(f"SET lock_timeout = {busy}")
        dbapi_connection.execute("SET jit = off")  # it takes longer than any query of ours that it compiles
        dbapi_connection.commit()
        if PREPARE in url.query:
            dbapi_connection.prepare_threshold = None

    return engine


def sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = dbapi_connection.cursor()
        busy = int(policy.DATABASE_BUSY.total_seconds() * 1000)
        cursor.execute(f"PRAGMA busy_timeout={busy}")
        _write_ahead(cursor)
        # synchronous=FULL: what the book has recorded survives a power cut, as Temporal's history does.
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def begin(connection: Connection) -> None:
    """Begin a transaction on SQLite, and ask the driver itself to do so: SQLAlchemy would take as long as for
    any statement, and a listener would have it look for listeners at each statement."""
    if connection.dialect.name != "sqlite":
        return
    read_only = connection.get_execution_options().get(READ_ONLY)
    ask(connection, "BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Turn on write-ahead logging. For this SQLite does not wait, whatever its `busy_timeout`: of two
    processes that start on a new file at the same moment, one would fail. So we try again."""
    deadline = time.monotonic() + policy.DATABASE_BUSY.total_seconds()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as busy:
            if "locked" not in str(busy) or time.monotonic() > deadline:
                raise
            time.sleep(policy.DATABASE_AGAIN.total_seconds())
        else:
            return

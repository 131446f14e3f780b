"""A database has the tables that the code knows, on both back ends, even if several processes make it."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from order_system.book import tables as book_tables
from order_system.domain.errors import DatabaseUnready
from order_system.gateways.remembered import intents
from order_system.gateways.simulated import tables as world_tables
from order_system.infra import policy
from order_system.infra.database import Database, transactions
from order_system.infra.database.identity import identity_in, revision_in
from order_system.infra.database.transactions import MIGRATIONS
from tests.fixtures.processes.at_once import by_processes, migrated
from tests.fixtures.steering.waiting import eventually

METADATA = [book_tables.metadata, world_tables.metadata, intents.metadata]
A_LATER_ONE = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "0016", "0015"


def upgrade() -> None:
    op.create_table("later", sa.Column("name", sa.Text, primary_key=True))
"""
RELEASED = Path(__file__).with_name("released")
"""The tables of each release, by its revision and by database, as they were. They never change."""
PROCESSES = 2
PATIENCE_SECONDS = 60
MIGRATION_LOCK = 0x6F72646572
"""As in migrations/env.py, which only Alembic can import."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("empty_postgresql_url")


@pytest.fixture
async def empty_database(empty_url: str) -> AsyncIterator[Database]:
    opened = Database(empty_url)
    yield opened
    await opened.dispose()


def start_anew(connection: Connection) -> None:
    for metadata in METADATA:
        metadata.drop_all(connection)
    for table in ("later", "alembic_version"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))


def describe(connection: Connection) -> dict[str, Any]:
    """All that a database knows of our tables, without the order in which it tells."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": [
                (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in inspector.get_foreign_keys(table)
            ],
            "unique": [unique["column_names"] for unique in inspector.get_unique_constraints(table)],
            "checks": {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)},
            "indexes": {
                index["name"]: (
                    index["column_names"],
                    bool(index["unique"]),
                    {key: str(value) for key, value in index.get("dialect_options", {}).items()},
                )
                for index in inspector.get_indexes(table)
            },
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def test_the_tables_of_a_release_migrated_are_those_of_a_new_database(empty_database: Database) -> None:
    """So no definition of a table changes without a migration. A release adds its tables to the folder."""

    def as_released(connection: Connection) -> None:
        for statement in (RELEASED / f"0015.{connection.dialect.name}.sql").read_text().split(";\n"):
            if statement:
                connection.exec_driver_sql(statement)
        connection.execute(insert(book_tables.identity).values(book="b", readable_from="0015", email_key="k"))

    await empty_database.write(as_released)
    await empty_database.migrate()
    migrated = await empty_database.read(describe)
    await empty_database.write(start_anew)
    await empty_database.migrate()
    assert migrated == await empty_database.read(describe)
    assert "'open'" in str(migrated["book_submissions"]["indexes"]["book_one_live"])


async def test_a_migration_is_for_tables_that_are_there_already(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new database has all that is defined today: to migrate it, too, would add the same things twice."""
    await empty_database.migrate()
    later = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (later / "versions" / "0016_later.py").write_text(A_LATER_ONE)
    monkeypatch.setattr(transactions, "MIGRATIONS", later)
    monkeypatch.setattr(transactions, "REVISIONS", ["0015", "0016"])
    await empty_database.migrate()
    assert await empty_database.read(revision_in) == "0016"
    assert await empty_database.read(Connection.scalar, text("SELECT count(*) FROM later")) == 0

    await empty_database.write(start_anew)
    await empty_database.migrate()
    assert await empty_database.read(revision_in) == "0016"
    assert not await empty_database.read(lambda tx: inspect(tx).has_table("later"))
    assert (await empty_database.read(identity_in)).readable_from == "0015"


async def test_a_database_that_is_up_to_date_is_left_alone(database: Database) -> None:
    statements: list[str] = []

    def engine_of(connection: Connection) -> Engine:
        return connection.engine

    engine = await database.write(engine_of)

    @event.listens_for(engine, "before_cursor_execute")
    def remember(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    await database.migrate()
    writing = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")
    assert [statement for statement in statements if statement.lstrip().upper().startswith(writing)] == []


async def test_migrating_leaves_logging_alone(empty_database: Database) -> None:
    def state() -> list[tuple[Any, ...]]:
        loggers = [logging.getLogger(name) for name in (None, "sqlalchemy.engine", "mine")]
        return [(logger.level, logger.disabled, tuple(logger.handlers)) for logger in loggers]

    before = state()
    await empty_database.migrate()
    assert before == state()


def test_several_processes_migrate_the_same_empty_database(empty_url: str) -> None:
    assert by_processes(PROCESSES, migrated, empty_url) == [empty_url] * PROCESSES


async def test_a_migration_waits_for_another_one_however_long_it_takes(
    empty_postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a transaction waits for a row."""
    monkeypatch.setattr(policy, "DATABASE_BUSY", timedelta(milliseconds=50))
    database = Database(empty_postgresql_url)
    with psycopg.connect(empty_postgresql_url.replace("+psycopg", ""), autocommit=True) as another:
        another.execute("BEGIN")
        another.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        migration = asyncio.create_task(database.migrate())

        async def has_waited_long() -> bool:
            assert not migration.done(), "it has not waited"
            long_ago = "clock_timestamp() - interval '0.2 s'"
            waiting = another.execute(f"SELECT FROM pg_locks WHERE NOT granted AND waitstart < {long_ago}")
            return waiting.rowcount > 0

        await eventually(has_waited_long, PATIENCE_SECONDS, "the migration to wait")
        another.execute("COMMIT")
        await asyncio.wait_for(migration, PATIENCE_SECONDS)
    await database.prepare()
    await database.dispose()


async def test_a_database_from_before_the_first_release_is_refused_in_one_line(
    empty_database: Database,
) -> None:
    await empty_database.migrate()
    await empty_database.write(Connection.execute, text("UPDATE alembic_version SET version_num = '0014'"))
    for opening in (empty_database.migrate, empty_database.prepare):
        with pytest.raises(DatabaseUnready, match=r"^[^\n]* revision 0014, .* move it away") as refused:
            await opening()
        assert "ORDER_DATABASE_URL" in str(refused.value)


@pytest.mark.parametrize("status", ["open", "fulfilled"])
async def test_an_order_has_one_open_and_one_fulfilled_submission(database: Database, status: str) -> None:
    async def submit(submission: str, status: str) -> None:
        row = {"order_id": "ORDER-001", "submission": submission, "status": status, "fingerprint": "f"}
        row |= {"namespace": "default", "opened_at": datetime.now(UTC)}
        await database.write(Connection.execute, insert(book_tables.submissions).values(row))

    await submit("first", status)
    await submit("failed", "failed")
    await submit("failed again", "failed")
    with pytest.raises(IntegrityError):
        await submit("second", status)


@pytest.mark.parametrize(
    "amiss",
    [{"on_hand": -1, "reserved": 11}, {"on_hand": 9}, {"reserved": 1}],
    ids=["negative", "too few", "too many"],
)
async def test_stock_that_does_not_add_up_is_refused(database: Database, amiss: dict[str, int]) -> None:
    row = {"sku": "LAPTOP-789", "initial": 10, "on_hand": 10, "reserved": 0, "shipped": 0, **amiss}
    with pytest.raises(IntegrityError):
        await database.write(Connection.execute, insert(world_tables.stock).values(row))

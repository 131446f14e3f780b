"""The embedded server's lightened table for lists, against the one that the server makes."""

import json
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from order_system.infra import policy
from order_system.infra.temporal import embedded_visibility
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.embedded_visibility import KEPT, TABLE, lighten

CHANGES, WORKFLOWS = 1_500, 40
NAMES = ("Text01", "Text02", "KeywordList01", "BuildIds", "TemporalReportedProblems", "Keyword01", "Int01")
FULL_TEXT = (f"{TABLE}_fts_text", f"{TABLE}_fts_keyword_list")
WRITE = f"""
INSERT INTO {TABLE} (namespace_id, run_id, start_time, execution_time, workflow_id, workflow_type_name,
                     status, encoding, search_attributes)
VALUES ('n', ?, '2026-01-01', '2026-01-01', 'w', 't', ?, '', ?)
ON CONFLICT (namespace_id, run_id)
DO UPDATE SET status = excluded.status, search_attributes = excluded.search_attributes
"""
DELETE = f"DELETE FROM {TABLE} WHERE namespace_id = 'n' AND run_id = ?"


def embedded(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(folder, port=0, ui_port=0, headless=True)


@pytest.fixture
async def made_by_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The new database of a server, which has stopped."""
    with monkeypatch.context() as context:
        context.setattr(embedded_visibility, "lighten", bool)
        async with embedded(tmp_path):
            pass
    return tmp_path / "temporal.db"


def rows(database: sqlite3.Connection, query: str, *values: str) -> list[Any]:
    return database.execute(query, values).fetchall()


def indexes(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as opened:
        return {
            name
            for (name,) in rows(
                opened,
                "SELECT name FROM sqlite_schema WHERE tbl_name = ? AND type = 'index' AND sql IS NOT NULL",
                TABLE,
            )
        }


async def test_a_new_server_has_the_lighter_table_and_an_old_one_keeps_what_it_has(
    made_by_the_server: Path, tmp_path: Path
) -> None:
    made = indexes(made_by_the_server)
    assert made > KEPT

    async with embedded(tmp_path / "new"):
        assert indexes(tmp_path / "new" / "temporal.db") == KEPT
    async with embedded(tmp_path):
        assert indexes(made_by_the_server) == made


async def test_whatever_changes_the_same_rows_and_words_are_found(made_by_the_server: Path) -> None:
    seed = random.randrange(1_000_000)
    dice = random.Random(seed)
    changes = [a_change(dice) for _ in range(CHANGES)]
    with (
        closing(sqlite3.connect(made_by_the_server)) as stock,
        closing(sqlite3.connect(made_by_the_server.with_name("lighter.db"))) as lighter,
    ):
        change(stock, changes[: CHANGES // 3])
        stock.backup(lighter)
        assert lighten(made_by_the_server.with_name("lighter.db"))
        for each in (stock, lighter):
            change(each, changes[CHANGES // 3 :])
        table = f"SELECT rowid, * FROM {TABLE} ORDER BY rowid"
        assert rows(lighter, table) == rows(stock, table), f"seed {seed}"
        for texts in FULL_TEXT:
            found = words(stock, texts)
            assert found, f"seed {seed}"
            assert words(lighter, texts) == found, f"seed {seed}"


def a_change(dice: random.Random) -> tuple[str, tuple[Any, ...]]:
    run = str(dice.randrange(WORKFLOWS))
    if dice.random() < 0.2:
        return DELETE, (run,)
    some = dice.sample(NAMES, dice.randrange(5))
    attributes = json.dumps({name: f"{dice.choice('abc')} {dice.choice('xyz')}" for name in some})
    return WRITE, (run, dice.randrange(3), dice.choice([attributes, attributes, None]))


def change(database: sqlite3.Connection, changes: list[tuple[str, tuple[Any, ...]]]) -> None:
    for statement, values in changes:
        database.execute(statement, values)
    database.commit()


def words(database: sqlite3.Connection, texts: str) -> list[Any]:
    """Each word of a full-text table with its row, column and place; the table is checked by itself, too."""
    database.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{texts}_words USING fts5vocab(main, {texts}, instance)"
    )
    database.execute(f"INSERT INTO {texts}({texts}) VALUES ('integrity-check')")
    return rows(database, f"SELECT doc, col, offset, term FROM temp.{texts}_words ORDER BY 1, 2, 3, 4")


async def test_a_schema_that_is_not_known_is_left_alone_and_so_is_a_busy_database(
    made_by_the_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = indexes(made_by_the_server)
    monkeypatch.setattr(policy, "DATABASE_BUSY", timedelta(milliseconds=50))
    with closing(sqlite3.connect(made_by_the_server, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not lighten(made_by_the_server)
        other.execute("COMMIT")
        other.execute(f"CREATE INDEX by_encoding ON {TABLE} (encoding)")
    assert not lighten(made_by_the_server)
    assert indexes(made_by_the_server) == {*made, "by_encoding"}

    with closing(sqlite3.connect(made_by_the_server)) as other:
        other.execute("DROP INDEX by_encoding")
    assert lighten(made_by_the_server)
    assert indexes(made_by_the_server) == KEPT

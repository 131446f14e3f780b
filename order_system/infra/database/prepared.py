"""Statements that every order executes, with most of SQLAlchemy left out.

SQLAlchemy makes some seventy Python calls for each execution, which take several times as long as SQLite
does. It compiles a `Prepared` statement once for each dialect and each set of values, and says how values and
columns are converted. From then on the driver is asked directly, in the current transaction. Rows, errors and
the effects of a lost connection are those of `Connection.execute`, which is better for rare statements. Lists
(`in_`) need it: their text depends on their length."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Row, Select, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import result_tuple
from sqlalchemy.exc import DBAPIError


class Prepared:
    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self._statement = statement
        self._texts: dict[tuple[str, ...], _Text] = {}

    def rows(self, tx: Connection, values: Mapping[str, Any]) -> list[Row[Any]]:
        text = self._text(tx.dialect, values)
        return list(map(text.row, ask(tx, text.sql, text.parameters(values), rows=True)))

    def row(self, tx: Connection, values: Mapping[str, Any]) -> Row[Any] | None:
        """Return the first row, or None."""
        return next(iter(self.rows(tx, values)), None)

    def changes(self, tx: Connection, values: Mapping[str, Any]) -> int:
        """Execute the statement, and return how many rows it has changed."""
        text = self._text(tx.dialect, values)
        return ask(tx, text.sql, text.parameters(values))

    def _text(self, dialect: Dialect, values: Mapping[str, Any]) -> "_Text":
        key = (dialect.name, *values)
        if (text := self._texts.get(key)) is None:
            text = self._texts[key] = _Text(self._statement, dialect, list(values))
        return text


# Made once each: building a statement costs more than running it.
@cache
def insert_into(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT. SQLAlchemy has a different one for each dialect."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def _insert_unless_there(dialect: str, table: Table) -> Prepared:
    return Prepared(insert_into(dialect, table).on_conflict_do_nothing())


def insert_unless_there(tx: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, unless there is one with the same unique key."""
    _insert_unless_there(tx.dialect.name, table).changes(tx, row)


class _Text:
    """A statement in one dialect, for values of these names."""

    def __init__(self, statement: Any, dialect: Dialect, names: list[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self.sql: str = compiled.string
        self._order: list[str] | None = compiled.positiontup  # None: the driver takes them by name
        self._own: dict[str, Any] = compiled.construct_params(dict.fromkeys(names))
        self._own |= {column.key: column.default.arg for column in compiled.insert_prefetch}
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        writers = {name: kind.bind_processor(dialect) for name, kind in kinds.items()}
        self._written = [(name, write) for name, write in writers.items() if write]
        columns = statement.exported_columns
        readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._read = [(place, read) for place, read in enumerate(readers) if read]
        self._row = result_tuple(columns.keys())

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any] | list[Any]:
        given = {**self._own, **values}
        for name, write in self._written:
            given[name] = write(given[name])
        return given if self._order is None else [given[name] for name in self._order]

    def row(self, found: tuple[Any, ...]) -> Row[Any]:
        values = list(found)
        for place, read in self._read:
            if values[place] is not None:
                values[place] = read(values[place])
        return self._row(values)


def ask(tx: Connection, sql: str, parameters: Any = (), *, rows: bool = False) -> Any:
    """Ask the driver directly. Returns the rows, or how many have changed. Raises as SQLAlchemy does."""
    driver: Any = tx.connection.dbapi_connection
    try:
        cursor = driver.execute(sql, parameters)
        return cursor.fetchall() if rows else cursor.rowcount
    except tx.dialect.loaded_dbapi.Error as trouble:
        if is_lost := tx.dialect.is_disconnect(trouble, driver, None):
            tx.invalidate(trouble)
        kinds = tx.dialect.loaded_dbapi.Error
        # The error leaves out the parameters: they hold a customer's data.
        raise DBAPIError.instance(sql, None, trouble, kinds, connection_invalidated=is_lost) from trouble

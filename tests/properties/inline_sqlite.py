"""SQLite in memory, on the caller's own thread: quick, and the same run comes out the same.

The driver of the real system hands each statement to a thread. Here it is carried out there and then, which
blocks the event loop, and nobody else is on it.
"""

import sqlite3
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import await_only as await_

URL = "sqlite+inline:///:memory:"


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None: ...


class _Connection(sqlite3.Connection):
    def cursor(self, *_: Any) -> _Cursor:
        return super().cursor(_Cursor)


class InlineSQLite(SQLiteDialect_pysqlite):
    driver = "inline"
    is_async = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return sqlite3

    @classmethod
    def get_pool_class(cls, url: Any) -> type[StaticPool]:
        return StaticPool

    def create_connect_args(self, url: Any) -> tuple[Any, Any]:
        arguments, options = super().create_connect_args(url)
        return arguments, {**options, "factory": _Connection}

    def do_execute(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        await_(_nothing())  # SQLAlchemy insists that an asynchronous driver awaits something
        super().do_execute(cursor, statement, parameters, context)


async def _nothing() -> None: ...


registry.register("sqlite.inline", __name__, InlineSQLite.__name__)

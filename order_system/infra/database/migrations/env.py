"""Alembic runs this on the connection that it is given, inside that connection's transaction.

The opener of the transaction commits all migrations or none. Several processes may start at once: on SQLite
`BEGIN IMMEDIATE` has let in one writer already, on PostgreSQL the advisory lock below does; the next one
finds the tables up to date. Logging is left as it is."""

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection

MIGRATION_LOCK = 0x6F72646572  # "order": any number that nobody else in this database locks

connection: Connection = context.config.attributes["connection"]

if connection.dialect.name == "postgresql":
    connection.execute(text("SET LOCAL lock_timeout = 0"))  # another process's migrations may take long
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})

context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()

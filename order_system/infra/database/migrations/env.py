"""Alembic runs this on the connection that it is given, inside that connection's transaction.

A new database gets all tables as they are defined today, and is stamped with the newest revision. Migrations
are for the tables that an earlier release has made.

The opener of the transaction commits all of it or nothing. Several processes may start at once: on SQLite
`BEGIN IMMEDIATE` has let in one writer already, on PostgreSQL the advisory lock below does; the next one
finds the tables up to date. Logging is left as it is."""

import secrets
import uuid

from alembic import context
from sqlalchemy import insert, text
from sqlalchemy.engine import Connection

from order_system.book import tables as book
from order_system.gateways import remembered
from order_system.gateways.simulated import tables as world

MIGRATION_LOCK = 0x6F72646572  # "order": any number that nobody else in this database locks

READABLE_FROM = "0015"
"""The oldest revision whose programs may work with a new database. It is raised with a migration that takes
something away (docs/adr/0015)."""

connection: Connection = context.config.attributes["connection"]


def create_all() -> None:
    for metadata in (book.metadata, world.metadata, remembered.intents.metadata):
        metadata.create_all(connection)
    made = {"book": str(uuid.uuid4()), "readable_from": READABLE_FROM, "email_key": secrets.token_hex(32)}
    connection.execute(insert(book.identity).values(**made))


if connection.dialect.name == "postgresql":
    connection.execute(text("SET LOCAL lock_timeout = 0"))  # another process's migrations may take long
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})

context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    if context.get_context().get_current_revision() is None:
        create_all()
        context.get_context().stamp(context.script, "head")
    else:
        context.run_migrations()

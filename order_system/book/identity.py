"""Which book this is: made up by its first migration, and the same for as long as there is the book."""

from sqlalchemy import select
from sqlalchemy.engine import Connection

from order_system.book.tables import identity


def book_id(tx: Connection) -> str:
    return tx.execute(select(identity.c.book)).scalar_one()

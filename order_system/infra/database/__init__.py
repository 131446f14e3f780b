"""Transactions over SQLite or PostgreSQL, and the migrations of our tables."""

from order_system.infra.database.columns import UtcDateTime
from order_system.infra.database.prepared import Prepared, insert_into, insert_unless_there
from order_system.infra.database.transactions import Database, OverDatabase, TroubleTold, reads, writes

__all__ = [
    "Database",
    "OverDatabase",
    "Prepared",
    "TroubleTold",
    "UtcDateTime",
    "insert_into",
    "insert_unless_there",
    "reads",
    "writes",
]

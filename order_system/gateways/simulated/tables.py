"""What the simulated outside world keeps. A UNIQUE key guards each effect, as a real gateway's would."""

from functools import cache

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql, sqlite

Insert = postgresql.Insert | sqlite.Insert

metadata = MetaData()

_KEY = String(160)
"""`<order id>:<submission>:<effect>`, two of them up to 64 characters."""

stock = Table(
    "world_stock",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("initial", BigInteger, nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("shipped", BigInteger, nullable=False),
    CheckConstraint("on_hand >= 0 AND reserved >= 0 AND shipped >= 0", name="world_stock_never_negative"),
    CheckConstraint("on_hand + reserved + shipped = initial", name="world_stock_adds_up"),
)

reservations = Table(
    "world_reservations",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("reservation_id", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("lines", JSON, nullable=False),
)
"""State: reserved, released or committed. Its SKUs may be scenario tokens, which act on the undo too."""

charges = Table(
    "world_charges",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("charge_id", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payment_method", Text, nullable=False),
)

CHECKOUT = "checkout:"
"""What the keys of payments begin with that a shop's checkout has captured, and not we; then comes the
reference. No key of ours does: an effect stands at its end, and no order's ID holds a colon."""

refunds = Table(
    "world_refunds",
    metadata,
    Column("charge_key", _KEY, ForeignKey("world_charges.key"), primary_key=True),
    Column("refund_id", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
)

shipments = Table(
    "world_shipments",
    metadata,
    Column("label_key", _KEY, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("label_id", String(64)),
    Column("carrier", String(64)),
    Column("tracking_number", String(64)),
    Column("postal_code", Text),
    Column("dispatch_key", _KEY, unique=True),
)
"""State: bought, voided or dispatched. Voided without a label ID is a tombstone: nobody can buy it now."""

notices = Table(
    "world_notices",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("message_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
)

calls = Table(
    "world_calls",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("operation", String(16), primary_key=True),
    Column("count", Integer, nullable=False),
)

submissions = Table(
    "world_submissions",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("submission", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
)
"""The order's first submission is 1, the next one 2. Faults are drawn by it, since IDs differ every time."""


# Made once each: to put a statement together costs more than to carry it out.
@cache
def insert_into(dialect: str, table: Table) -> Insert:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy has for each dialect apart."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def insert_unless_there(dialect: str, table: Table) -> Insert:
    return insert_into(dialect, table).on_conflict_do_nothing()

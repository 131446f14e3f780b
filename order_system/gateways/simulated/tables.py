"""What the simulated outside world keeps. A UNIQUE key guards each effect, as a real gateway's would."""

from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from order_system.infra.database import Prepared

Insert = postgresql.Insert | sqlite.Insert

metadata = sa.MetaData()

_KEY = sa.String(160)
"""`<order id>:<submission>:<effect>`, two of them up to 64 characters."""

stock = sa.Table(
    "world_stock",
    metadata,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("initial", sa.BigInteger, nullable=False),
    sa.Column("on_hand", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),
    sa.Column("shipped", sa.BigInteger, nullable=False),
    sa.CheckConstraint("on_hand >= 0 AND reserved >= 0 AND shipped >= 0", name="world_stock_never_negative"),
    sa.CheckConstraint("on_hand + reserved + shipped = initial", name="world_stock_adds_up"),
)

reservations = sa.Table(
    "world_reservations",
    metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("reservation_id", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("lines", sa.JSON, nullable=False),
)
"""State: reserved, released or committed. Its SKUs may be scenario tokens, which act on the undo too."""

charges = sa.Table(
    "world_charges",
    metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("charge_id", sa.String(64), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("payment_method", sa.Text, nullable=False),
)

authorisations = sa.Table(
    "world_authorisations",
    metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("charge_id", sa.String(64)),
    sa.Column("amount", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("payment_method", sa.Text),
)
"""State: held, captured (then `world_charges` has it as well) or voided. Voided without a charge ID is a
tombstone: nobody can authorise it now."""

CHECKOUT = "checkout:"
"""What the keys of payments begin with that a shop's checkout has captured, and not we; then comes the
reference. No key of ours does: an effect stands at its end, and no order's ID holds a colon."""

refunds = sa.Table(
    "world_refunds",
    metadata,
    sa.Column("charge_key", _KEY, sa.ForeignKey("world_charges.key"), primary_key=True),
    sa.Column("refund_id", sa.String(64), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
)

refunded_parts = sa.Table(
    "world_refunded_parts",
    metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("charge_key", _KEY, sa.ForeignKey("world_charges.key"), index=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
)
"""Of fulfilled orders. What is left after them, `world_refunds` has, if that was given back."""

_PARTS = sa.select(sa.func.sum(refunded_parts.c.amount)).where(refunded_parts.c.charge_key == charges.c.key)
PAYMENTS = sa.select(
    charges,
    charges.c.charge_id.label("reference"),
    refunds.c.refund_id,
    (sa.func.coalesce(refunds.c.amount, 0) + sa.func.coalesce(_PARTS.scalar_subquery(), 0)).label("refunded"),
).outerjoin_from(charges, refunds)
"""Each charge, and all that was given back of it."""

shipments = sa.Table(
    "world_shipments",
    metadata,
    sa.Column("label_key", _KEY, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("label_id", sa.String(64)),
    sa.Column("carrier", sa.String(64)),
    sa.Column("tracking_number", sa.String(64)),
    sa.Column("postal_code", sa.Text),
    sa.Column("dispatch_key", _KEY, unique=True),
)
"""State: bought, voided or dispatched. Voided without a label ID is a tombstone: nobody can buy it now."""

notices = sa.Table(
    "world_notices",
    metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("message_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
)

calls = sa.Table(
    "world_calls",
    metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("operation", sa.String(16), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

submissions = sa.Table(
    "world_submissions",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("submission", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
"""The order's first submission is 1, the next one 2. Faults are drawn by it, since IDs differ every time."""


# Made once each: to put a statement together costs more than to carry it out.
@cache
def insert_into(dialect: str, table: sa.Table) -> Insert:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy has for each dialect apart."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def insert_unless_there(dialect: str, table: sa.Table) -> Prepared:
    return Prepared(insert_into(dialect, table).on_conflict_do_nothing())

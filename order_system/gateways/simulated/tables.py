"""What the simulated outside world keeps. A UNIQUE key guards each effect, as a real gateway's would."""

import sqlalchemy as sa

metadata = sa.MetaData()

_KEY = sa.String(160)
"""Keys are `<order id>:<submission>:<effect>`; each of the first two has at most 64 characters."""

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
"""`state` is reserved, released or committed. A SKU may be a scenario token, which also acts on the undo."""

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
"""`state` is held, captured (then `world_charges` has it as well), voided or, of a shop's row, taken over.
Voided without a charge ID is a tombstone: nobody can authorise it now."""

CHECKOUT = "checkout:"
"""The prefix of the keys of payments that a shop's checkout made; the reference follows. It is their payment
method as well, which tells them from those of an order that is called `checkout`."""

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
"""The partial refunds of fulfilled orders. If the rest was refunded as well, `world_refunds` has it."""

_PARTS = sa.select(sa.func.sum(refunded_parts.c.amount)).where(refunded_parts.c.charge_key == charges.c.key)
PAYMENTS = sa.select(
    charges,
    charges.c.charge_id.label("reference"),
    refunds.c.refund_id,
    (sa.func.coalesce(refunds.c.amount, 0) + sa.func.coalesce(_PARTS.scalar_subquery(), 0)).label("refunded"),
).outerjoin_from(charges, refunds)
"""Each charge, with the sum of all its refunds."""

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
"""`state` is bought, voided or dispatched. Voided without a label ID is a tombstone: nobody can buy it."""

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
"""An order's first submission is number 1. Faults are drawn by the number, since IDs differ every time."""

"""The simulated outside world: stock, reservations, charges, refunds, shipments, notices, calls."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.String(160)


def upgrade() -> None:
    op.create_table(
        "world_stock",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("initial", sa.BigInteger, nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("shipped", sa.BigInteger, nullable=False),
        sa.CheckConstraint(
            "on_hand >= 0 AND reserved >= 0 AND shipped >= 0", name="world_stock_never_negative"
        ),
        sa.CheckConstraint("on_hand + reserved + shipped = initial", name="world_stock_adds_up"),
    )
    op.create_table(
        "world_reservations",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("reservation_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
    )
    op.create_table(
        "world_charges",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("charge_id", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
    )
    op.create_table(
        "world_refunds",
        sa.Column("charge_key", KEY, sa.ForeignKey("world_charges.key"), primary_key=True),
        sa.Column("refund_id", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "world_shipments",
        sa.Column("label_key", KEY, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("label_id", sa.String(64)),
        sa.Column("carrier", sa.String(64)),
        sa.Column("tracking_number", sa.String(64)),
        sa.Column("postal_code", sa.Text),
        sa.Column("dispatch_key", KEY, unique=True),
    )
    op.create_table(
        "world_notices",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
    )
    op.create_table(
        "world_calls",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("operation", sa.String(16), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "world_submissions",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )

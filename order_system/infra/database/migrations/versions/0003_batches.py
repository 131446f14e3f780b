"""Batches: which file each run read, and what it decided about each order."""

import sqlalchemy as sa
from alembic import op

from order_system.infra.database import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "book_batches",
        sa.Column("batch", sa.String(255), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "book_batch_orders",
        sa.Column("batch", sa.String(255), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("first_line", sa.BigInteger, nullable=False),
        sa.Column("last_line", sa.BigInteger, nullable=False),
        sa.Column("fate", sa.String(32)),
    )
    op.create_index("book_batch_orders_by_order", "book_batch_orders", ["order_id"])

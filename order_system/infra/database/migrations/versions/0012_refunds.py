"""What fulfilled orders give back after the fact, and the parts that the simulated gateway has given back."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "book_refunds",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("refund_id", sa.String(20), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.create_table(
        "world_refunded_parts",
        sa.Column("key", sa.String(160), primary_key=True),
        sa.Column("charge_key", sa.String(160), sa.ForeignKey("world_charges.key"), index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )

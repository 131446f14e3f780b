"""Ends of orders that the receiver of webhooks is still to be told of."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "book_to_announce",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
    )

"""How attempts have ended at effects and undos."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "book_attempts",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
        sa.Column("activity", sa.String(64), primary_key=True),
        sa.Column("began_at", moment, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=False),
        sa.Column("said", sa.Text),
    )

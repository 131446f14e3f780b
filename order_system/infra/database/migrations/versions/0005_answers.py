"""What people answer when an order needs attention, and who handled which effect."""

import sqlalchemy as sa
from alembic import op

from order_system.infra.database import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("book_effects", sa.Column("handled_by", sa.String(100)))
    op.add_column("book_effects", sa.Column("handled_note", sa.Text))
    op.create_table(
        "book_answers",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
        sa.Column("answer_id", sa.String(255), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("answer", sa.String(32), nullable=False),
    )

"""Calls to providers that would do a thing twice, each with its answer (`gateways/remembered.py`)."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "remembered_calls",
        sa.Column("submission", sa.String(130), primary_key=True),
        sa.Column("method", sa.String(16), primary_key=True),
        sa.Column("sent_by", sa.String(255), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.JSON),
    )

"""The order book: submissions, and the journal of their effects."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "book_submissions",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("batch", sa.String(255)),
        sa.Column("namespace", sa.String(255), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("failed_step", sa.String(16)),
        sa.Column("reason", sa.Text),
        sa.Column("total", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_book_submissions_batch", "book_submissions", ["batch"])
    op.create_index("book_by_status", "book_submissions", ["status", "opened_at"])
    for name, status in (("book_one_open", "open"), ("book_one_fulfilled", "fulfilled")):
        only = sa.text(f"status = '{status}'")
        op.create_index(
            name, "book_submissions", ["order_id"], unique=True, sqlite_where=only, postgresql_where=only
        )
    op.create_table(
        "book_effects",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
        sa.Column("effect", sa.String(16), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("unanswered", sa.Integer, nullable=False),
        sa.Column("unanswered_until", sa.DateTime(timezone=True)),
        sa.Column("receipt", sa.JSON),
        sa.Column("claimed_at", sa.DateTime(timezone=True)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("fenced_at", sa.DateTime(timezone=True)),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["order_id", "submission"], ["book_submissions.order_id", "book_submissions.submission"]
        ),
    )

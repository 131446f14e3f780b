"""Whose the book is, what was accepted and has not begun, and which notices are owed.

From here on a migration only adds, and what it makes obsolete goes a release later. `readable_from` is the
oldest revision whose programs may still work with the tables: only a migration that takes something away
raises it, so that an older worker can be started again after a newer one.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    identity = op.create_table(
        "book_identity",
        sa.Column("book", sa.String(36), primary_key=True),
        sa.Column("readable_from", sa.String(16), nullable=False),
    )
    op.bulk_insert(identity, [{"book": str(uuid.uuid4()), "readable_from": revision}])
    op.create_table(
        "book_accepted",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
        sa.Column("namespace_id", sa.String(64)),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("book_accepted_by_time", "book_accepted", ["accepted_at", "order_id"])
    op.add_column("book_submissions", sa.Column("namespace_id", sa.String(64)))
    op.add_column("book_submissions", sa.Column("notice", sa.String(16)))
    owed = sa.text("notice = 'owed'")
    op.create_index(
        "book_notice_owed",
        "book_submissions",
        ["order_id", "submission"],
        sqlite_where=owed,
        postgresql_where=owed,
    )
    op.add_column("book_effects", sa.Column("claimed_by", sa.String(64)))
    op.add_column(
        "book_effects", sa.Column("claims_in_run", sa.Integer, nullable=False, server_default=sa.text("0"))
    )

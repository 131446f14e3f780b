"""Lists of orders walk an index to their page: all of them, those of one status, those of one batch."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index("book_by_time", "book_submissions", ["opened_at", "order_id"])
    op.drop_index("book_by_status", "book_submissions")
    op.create_index("book_by_status", "book_submissions", ["status", "opened_at", "order_id"])
    op.create_index("book_by_batch", "book_submissions", ["batch", "opened_at", "order_id"])
    op.drop_index("ix_book_submissions_batch", "book_submissions")

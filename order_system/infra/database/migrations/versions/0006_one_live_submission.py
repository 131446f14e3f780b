"""One guard instead of two: no submission opens beside one that is fulfilled."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    live = sa.text("status IN ('open', 'fulfilled')")
    op.create_index(
        "book_one_live",
        "book_submissions",
        ["order_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.drop_index("book_one_open", table_name="book_submissions")
    op.drop_index("book_one_fulfilled", table_name="book_submissions")

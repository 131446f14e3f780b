"""One guard instead of two: no submission opens beside one that is fulfilled."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _unique("book_one_live", "status IN ('open', 'fulfilled')")
    op.drop_index("book_one_open", table_name="book_submissions")
    op.drop_index("book_one_fulfilled", table_name="book_submissions")


def downgrade() -> None:
    _unique("book_one_open", "status = 'open'")
    _unique("book_one_fulfilled", "status = 'fulfilled'")
    op.drop_index("book_one_live", table_name="book_submissions")


def _unique(name: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "book_submissions",
        ["order_id"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )

"""The reconciler looks every minute for keys in doubt, of which there are few."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    only = sa.text("state = 'in doubt'")
    op.create_index(
        "book_in_doubt",
        "book_effects",
        ["order_id", "submission", "effect"],
        sqlite_where=only,
        postgresql_where=only,
    )

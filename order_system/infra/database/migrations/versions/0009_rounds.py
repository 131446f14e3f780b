"""How often a gateway has said a definite no under a key: for providers that store it there."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("book_effects", sa.Column("round", sa.Integer, nullable=False, server_default=sa.text("0")))

"""By what orders are found: charge, tracking number, amount, e-mail. Of orders from before, what their
receipts say; of their customers' e-mails the book knows nothing."""

import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_submissions = sa.table(
    "book_submissions",
    *map(sa.column, ("order_id", "submission", "charge_id", "tracking_number")),
)
_effects = sa.table(
    "book_effects", *map(sa.column, ("order_id", "submission", "effect")), sa.column("receipt", sa.JSON)
)
_identity = sa.table("book_identity", sa.column("email_key"))


def upgrade() -> None:
    op.add_column("book_identity", sa.Column("email_key", sa.String(64)))
    op.execute(sa.update(_identity).values(email_key=secrets.token_hex(32)))
    for column in (
        sa.Column("charge_id", sa.Text),
        sa.Column("tracking_number", sa.Text),
        sa.Column("email_hash", sa.String(64)),
    ):
        op.add_column("book_submissions", column)
    op.execute(
        sa.update(_submissions).values(
            charge_id=_said("charge_id", ("capture", "charge")),
            tracking_number=_said("tracking_number", ("dispatch", "label")),
        )
    )
    op.create_index("book_by_currency", "book_submissions", ["currency", "opened_at", "order_id"])
    _index("charge", "charge_id")
    _index("tracking", "tracking_number")
    _index("email", "email_hash", "opened_at", "order_id")
    op.create_index(
        "book_by_amount",
        "book_submissions",
        ["total", "opened_at", "order_id", "status", "failed_step", "currency"],
    )


def _said(name: str, effects: Sequence[str]) -> sa.ColumnElement[str]:
    """By the first of these receipts that there is."""
    texts = [
        sa.select(sa.func.substr(_effects.c.receipt[name].as_string(), 1, 200))
        .where(
            _effects.c.order_id == _submissions.c.order_id,
            _effects.c.submission == _submissions.c.submission,
            _effects.c.effect == effect,
            sa.cast(_effects.c.receipt, sa.Text).not_like("%\\u0000%"),  # which PostgreSQL takes for no text
        )
        .scalar_subquery()
        for effect in effects
    ]
    return sa.func.coalesce(*texts)


def _index(name: str, *columns: str) -> None:
    there = sa.text(f"{columns[0]} IS NOT NULL")
    op.create_index(
        f"book_by_{name}", "book_submissions", columns, sqlite_where=there, postgresql_where=there
    )

"""All tables: the order book's, the simulated outside world's, and that of remembered calls.

From here on a migration only adds. What it makes obsolete goes a release later. `readable_from` is the oldest
revision whose programs may still work with the tables. Only a migration that takes something away raises it,
so that an older worker can be started again after a newer one.
"""

import secrets
import uuid
from typing import Any

import sqlalchemy as sa
from alembic import op

from order_system.infra.database.columns import UtcDateTime

revision = "0015"
down_revision = None

KEY = sa.String(160)


def upgrade() -> None:
    _book()
    _book_beside()
    _world_of_money()
    _world_of_goods()
    op.create_table(
        "remembered_calls",
        sa.Column("submission", sa.String(130), primary_key=True),
        sa.Column("method", sa.String(16), primary_key=True),
        sa.Column("sent_by", sa.String(255), nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=False),
        sa.Column("over_at", UtcDateTime, nullable=False),
        sa.Column("answer", sa.JSON),
    )


def _submission() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Return the columns that most primary keys begin with."""
    return (
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("submission", sa.String(64), primary_key=True),
    )


def _index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    only = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)


def _book() -> None:
    identity = op.create_table(
        "book_identity",
        sa.Column("book", sa.String(36), primary_key=True),
        sa.Column("readable_from", sa.String(16), nullable=False),
        sa.Column("email_key", sa.String(64)),
    )
    made = {"book": str(uuid.uuid4()), "readable_from": revision, "email_key": secrets.token_hex(32)}
    op.bulk_insert(identity, [made])
    op.create_table(
        "book_submissions",
        *_submission(),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("batch", sa.String(255)),
        sa.Column("namespace", sa.String(255), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("failed_step", sa.String(16)),
        sa.Column("reason", sa.Text),
        sa.Column("total", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("namespace_id", sa.String(64)),
        sa.Column("notice", sa.String(16)),
        sa.Column("charge_id", sa.Text),
        sa.Column("tracking_number", sa.Text),
        sa.Column("email_hash", sa.String(64)),
    )
    of_submissions = "book_submissions"
    live = "status IN ('open', 'fulfilled')"
    _index("book_one_live", of_submissions, "order_id", where=live, unique=True)
    _index("book_notice_owed", of_submissions, "order_id", "submission", where="notice = 'owed'")
    _index("book_by_charge", of_submissions, "charge_id", where="charge_id IS NOT NULL")
    _index("book_by_tracking", of_submissions, "tracking_number", where="tracking_number IS NOT NULL")
    hashed = "email_hash IS NOT NULL"
    _index("book_by_email", of_submissions, "email_hash", "opened_at", "order_id", where=hashed)
    for name, *columns in (
        ("book_by_time",),
        ("book_by_status", "status"),
        ("book_by_batch", "batch"),
        ("book_by_currency", "currency"),
    ):
        _index(name, of_submissions, *columns, "opened_at", "order_id")
    amounts = ("total", "opened_at", "order_id", "status", "failed_step", "currency")
    _index("book_by_amount", of_submissions, *amounts)
    op.create_table(
        "book_effects",
        *_submission(),
        sa.Column("effect", sa.String(16), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("unanswered", sa.Integer, nullable=False),
        sa.Column("unanswered_until", UtcDateTime),
        sa.Column("receipt", sa.JSON),
        sa.Column("claimed_at", UtcDateTime),
        sa.Column("done_at", UtcDateTime),
        sa.Column("fenced_at", UtcDateTime),
        sa.Column("settled_at", UtcDateTime),
        sa.Column("handled_by", sa.String(100)),
        sa.Column("handled_note", sa.Text),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("claims_in_run", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("round", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.ForeignKeyConstraint(
            ["order_id", "submission"], ["book_submissions.order_id", "book_submissions.submission"]
        ),
    )
    in_doubt = ("order_id", "submission", "effect")
    _index("book_in_doubt", "book_effects", *in_doubt, where="state = 'in doubt'")


def _book_beside() -> None:
    """Make the tables of what is accepted, answered, tried, given back and announced, and of batches."""
    op.create_table(
        "book_accepted",
        *_submission(),
        sa.Column("namespace_id", sa.String(64)),
        sa.Column("accepted_at", UtcDateTime, nullable=False),
    )
    _index("book_accepted_by_time", "book_accepted", "accepted_at", "order_id")
    op.create_table(
        "book_refunds",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("refund_id", sa.String(20), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.create_table(
        "book_answers",
        *_submission(),
        sa.Column("answer_id", sa.String(255), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("answer", sa.String(32), nullable=False),
    )
    op.create_table("book_to_announce", *_submission())
    op.create_table(
        "book_attempts",
        *_submission(),
        sa.Column("activity", sa.String(64), primary_key=True),
        sa.Column("began_at", UtcDateTime, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=False),
        sa.Column("said", sa.Text),
    )
    op.create_table(
        "book_batches",
        sa.Column("batch", sa.String(255), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "book_batch_orders",
        sa.Column("batch", sa.String(255), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("first_line", sa.BigInteger, nullable=False),
        sa.Column("last_line", sa.BigInteger, nullable=False),
        sa.Column("fate", sa.String(32)),
    )
    _index("book_batch_orders_by_order", "book_batch_orders", "order_id")


def _world_of_money() -> None:
    op.create_table(
        "world_charges",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("charge_id", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
    )
    op.create_table(
        "world_authorisations",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("charge_id", sa.String(64)),
        sa.Column("amount", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("payment_method", sa.Text),
    )
    op.create_table(
        "world_refunds",
        sa.Column("charge_key", KEY, sa.ForeignKey("world_charges.key"), primary_key=True),
        sa.Column("refund_id", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "world_refunded_parts",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("charge_key", KEY, sa.ForeignKey("world_charges.key"), index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )


def _world_of_goods() -> None:
    """Make the simulated world's tables of stock, parcels and notices, and of what it counts."""
    op.create_table(
        "world_stock",
        sa.Column("sku", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("initial", "on_hand", "reserved", "shipped")
        ),
        sa.CheckConstraint(
            "on_hand >= 0 AND reserved >= 0 AND shipped >= 0", name="world_stock_never_negative"
        ),
        sa.CheckConstraint("on_hand + reserved + shipped = initial", name="world_stock_adds_up"),
    )
    op.create_table(
        "world_reservations",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("reservation_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
    )
    op.create_table(
        "world_shipments",
        sa.Column("label_key", KEY, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("label_id", sa.String(64)),
        sa.Column("carrier", sa.String(64)),
        sa.Column("tracking_number", sa.String(64)),
        sa.Column("postal_code", sa.Text),
        sa.Column("dispatch_key", KEY, unique=True),
    )
    op.create_table(
        "world_notices",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
    )
    op.create_table(
        "world_calls",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("operation", sa.String(16), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table("world_submissions", *_submission(), sa.Column("number", sa.Integer, nullable=False))

"""The order book's tables. The journal's key is (order, submission, effect), as idempotency keys are."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from order_system.infra.database import UtcDateTime

metadata = MetaData()

# One row: which book this is, and the oldest revision whose programs may work with its tables.
identity = Table(
    "book_identity",
    metadata,
    Column("book", String(36), primary_key=True),
    Column("readable_from", String(16), nullable=False),
)

# Orders whose workflow was started and has opened no submission yet. Only lists read it.
accepted = Table(
    "book_accepted",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("submission", String(64), primary_key=True),
    Column("namespace_id", String(64)),
    Column("accepted_at", UtcDateTime, nullable=False),
    Index("book_accepted_by_time", "accepted_at", "order_id"),
)

submissions = Table(
    "book_submissions",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("submission", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("batch", String(255)),
    Column("namespace", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    Column("failed_step", String(16)),
    Column("reason", Text),
    Column("total", BigInteger),
    Column("currency", String(3)),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    # Which server it runs on. NULL: written before that was noted; then the namespace's name tells.
    Column("namespace_id", String(64)),
    # `owed` from its closing until the customer was told or cannot be; NULL if there is nothing to tell.
    Column("notice", String(16)),
    Index(
        "book_notice_owed",
        "order_id",
        "submission",
        sqlite_where=text("notice = 'owed'"),
        postgresql_where=text("notice = 'owed'"),
    ),
    # The guard behind the book's rules: one submission of an order is open or fulfilled, at most. Two looks
    # in one transaction may not see what is committed between them; this does.
    Index(
        "book_one_live",
        "order_id",
        unique=True,
        sqlite_where=text("status IN ('open', 'fulfilled')"),
        postgresql_where=text("status IN ('open', 'fulfilled')"),
    ),
    # For lists, newest first: of all orders, of one status, of one batch.
    Index("book_by_time", "opened_at", "order_id"),
    Index("book_by_status", "status", "opened_at", "order_id"),
    Index("book_by_batch", "batch", "opened_at", "order_id"),
)

effects = Table(
    "book_effects",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("submission", String(64), primary_key=True),
    Column("effect", String(16), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("unanswered", Integer, nullable=False, default=0),
    Column("unanswered_until", UtcDateTime),
    Column("receipt", JSON(none_as_null=True)),
    Column("claimed_at", UtcDateTime),
    Column("done_at", UtcDateTime),
    Column("fenced_at", UtcDateTime),
    Column("settled_at", UtcDateTime, key="undo_ended_at"),
    Column("handled_by", String(100)),
    Column("handled_note", Text),
    # The run of the child workflow that claimed last, and its claims: what is counted against the patience.
    Column("claimed_by", String(64)),
    Column("claims_in_run", Integer, nullable=False, default=0, server_default=text("0")),
    ForeignKeyConstraint(
        ["order_id", "submission"], ["book_submissions.order_id", "book_submissions.submission"]
    ),
    # The few that the reconciler looks for every minute, among all that there ever were.
    Index(
        "book_in_doubt",
        "order_id",
        "submission",
        "effect",
        sqlite_where=text("state = 'in doubt'"),
        postgresql_where=text("state = 'in doubt'"),
    ),
)

# What people have answered when an order needed attention. Without a foreign key: an order may be held, and
# given up, before payment could open its submission.
answers = Table(
    "book_answers",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("submission", String(64), primary_key=True),
    Column("answer_id", String(255), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(100), nullable=False),
    Column("note", Text, nullable=False),
    Column("step", String(16), nullable=False),
    Column("answer", String(32), nullable=False),
)

batches = Table(
    "book_batches",
    metadata,
    Column("batch", String(255), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("request", JSON, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
)

batch_orders = Table(
    "book_batch_orders",
    metadata,
    # A second block with an order's ID in one file finds the first one here.
    Column("batch", String(255), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("first_line", BigInteger, nullable=False),
    Column("last_line", BigInteger, nullable=False),
    Column("fate", String(32)),
    Index("book_batch_orders_by_order", "order_id"),
)

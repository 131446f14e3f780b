"""The order book's tables. The journal is keyed by (order, submission, effect), as idempotency keys are."""

import sqlalchemy as sa

from order_system.infra.database import UtcDateTime

metadata = sa.MetaData()


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    only = sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=only, postgresql_where=only)


# One row: which book this is, and the oldest revision whose programs may work with its tables.
identity = sa.Table(
    "book_identity",
    metadata,
    sa.Column("book", sa.String(36), primary_key=True),
    sa.Column("readable_from", sa.String(16), nullable=False),
    # The key for hashing customers' e-mails, unless ORDER_EMAIL_KEY is set.
    sa.Column("email_key", sa.String(64)),
)

# Orders whose workflow was started and has opened no submission yet.
accepted = sa.Table(
    "book_accepted",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("submission", sa.String(64), primary_key=True),
    sa.Column("namespace_id", sa.String(64)),
    sa.Column("accepted_at", UtcDateTime, nullable=False),
    sa.Index("book_accepted_by_time", "accepted_at", "order_id"),
)

submissions = sa.Table(
    "book_submissions",
    metadata,
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
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    # The server that runs it. In rows from before this was noted it is NULL, and the namespace's name tells.
    sa.Column("namespace_id", sa.String(64)),
    # `owed` from closing until the customer was told, or cannot be told; NULL if there is nothing to tell.
    sa.Column("notice", sa.String(16)),
    # An order is found by these: two IDs from receipts, and of the e-mail no more than a keyed hash.
    sa.Column("charge_id", sa.Text),
    sa.Column("tracking_number", sa.Text),
    sa.Column("email_hash", sa.String(64)),
    _partial("book_by_charge", "charge_id", where="charge_id IS NOT NULL"),
    _partial("book_by_tracking", "tracking_number", where="tracking_number IS NOT NULL"),
    _partial("book_by_email", "email_hash", "opened_at", "order_id", where="email_hash IS NOT NULL"),
    sa.Index("book_by_amount", "total", "opened_at", "order_id", "status", "failed_step", "currency"),
    sa.Index("book_by_currency", "currency", "opened_at", "order_id"),
    _partial("book_notice_owed", "order_id", "submission", where="notice = 'owed'"),
    # The guard behind the book's rules: at most one submission of an order is open or fulfilled. A
    # transaction's own look may miss what is committed after it; this index does not.
    _partial("book_one_live", "order_id", where="status IN ('open', 'fulfilled')", unique=True),
    # For lists, newest first: of all orders, of one status, of one batch.
    sa.Index("book_by_time", "opened_at", "order_id"),
    sa.Index("book_by_status", "status", "opened_at", "order_id"),
    sa.Index("book_by_batch", "batch", "opened_at", "order_id"),
)

effects = sa.Table(
    "book_effects",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("submission", sa.String(64), primary_key=True),
    sa.Column("effect", sa.String(16), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("unanswered", sa.Integer, nullable=False, default=0),
    sa.Column("unanswered_until", UtcDateTime),
    sa.Column("receipt", sa.JSON(none_as_null=True)),
    sa.Column("claimed_at", UtcDateTime),
    sa.Column("done_at", UtcDateTime),
    sa.Column("fenced_at", UtcDateTime),
    sa.Column("settled_at", UtcDateTime, key="undo_ended_at"),
    sa.Column("handled_by", sa.String(100)),
    sa.Column("handled_note", sa.Text),
    # The run of the child workflow that claimed last, and its claims, which count against its patience.
    sa.Column("claimed_by", sa.String(64)),
    sa.Column("claims_in_run", sa.Integer, nullable=False, default=0, server_default=sa.text("0")),
    sa.Column("round", sa.Integer, nullable=False, default=0, server_default=sa.text("0")),
    sa.ForeignKeyConstraint(
        ["order_id", "submission"], ["book_submissions.order_id", "book_submissions.submission"]
    ),
    # The reconciler looks for these few every minute, among all entries that there ever were.
    _partial("book_in_doubt", "order_id", "submission", "effect", where="state = 'in doubt'"),
)

# Refunds of fulfilled orders. Each `content` is a `domain.refunds.Refund`.
refunds = sa.Table(
    "book_refunds",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("refund_id", sa.String(20), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("content", sa.JSON, nullable=False),
)

# What people answered when an order needed attention. There is no foreign key: an order may be held and given
# up before payment opens its submission.
answers = sa.Table(
    "book_answers",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("submission", sa.String(64), primary_key=True),
    sa.Column("answer_id", sa.String(255), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(100), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("step", sa.String(16), nullable=False),
    sa.Column("answer", sa.String(32), nullable=False),
)

# Ends that webhooks have yet to announce. A row is written before anything that may close its submission, and
# deleted once the event has its workflow.
to_announce = sa.Table(
    "book_to_announce",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("submission", sa.String(64), primary_key=True),
)

# How attempts at effects and undos ended. Each row is a `domain.progress.AttemptMade`.
attempts = sa.Table(
    "book_attempts",
    metadata,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("submission", sa.String(64), primary_key=True),
    sa.Column("activity", sa.String(64), primary_key=True),
    sa.Column("began_at", UtcDateTime, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("last_number", sa.Integer, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("said", sa.Text),
)

batches = sa.Table(
    "book_batches",
    metadata,
    sa.Column("batch", sa.String(255), primary_key=True),
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
)

batch_orders = sa.Table(
    "book_batch_orders",
    metadata,
    # With this key, a second block of the same order ID in one file finds the first.
    sa.Column("batch", sa.String(255), primary_key=True),
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("first_line", sa.BigInteger, nullable=False),
    sa.Column("last_line", sa.BigInteger, nullable=False),
    sa.Column("fate", sa.String(32)),
    sa.Index("book_batch_orders_by_order", "order_id"),
)

CREATE TABLE book_accepted (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    namespace_id VARCHAR(64),
    accepted_at DATETIME NOT NULL,
    PRIMARY KEY (order_id, submission)
);
CREATE INDEX book_accepted_by_time ON book_accepted (accepted_at, order_id);
CREATE TABLE book_answers (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    answer_id VARCHAR(255) NOT NULL,
    at DATETIME NOT NULL,
    who VARCHAR(100) NOT NULL,
    note TEXT NOT NULL,
    step VARCHAR(16) NOT NULL,
    answer VARCHAR(32) NOT NULL,
    PRIMARY KEY (order_id, submission, answer_id)
);
CREATE TABLE book_attempts (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    activity VARCHAR(64) NOT NULL,
    began_at DATETIME NOT NULL,
    number INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    due_at DATETIME NOT NULL,
    ended_at DATETIME NOT NULL,
    said TEXT,
    PRIMARY KEY (order_id, submission, activity, began_at)
);
CREATE TABLE book_batch_orders (
    batch VARCHAR(255) NOT NULL,
    run VARCHAR(64) NOT NULL,
    order_id VARCHAR(64) NOT NULL,
    first_line BIGINT NOT NULL,
    last_line BIGINT NOT NULL,
    fate VARCHAR(32),
    PRIMARY KEY (batch, run, order_id)
);
CREATE INDEX book_batch_orders_by_order ON book_batch_orders (order_id);
CREATE TABLE book_batches (
    batch VARCHAR(255) NOT NULL,
    run VARCHAR(64) NOT NULL,
    request JSON NOT NULL,
    started_at DATETIME NOT NULL,
    PRIMARY KEY (batch, run)
);
CREATE TABLE book_identity (
    book VARCHAR(36) NOT NULL,
    readable_from VARCHAR(16) NOT NULL,
    email_key VARCHAR(64),
    PRIMARY KEY (book)
);
CREATE TABLE book_refunds (
    order_id VARCHAR(64) NOT NULL,
    refund_id VARCHAR(20) NOT NULL,
    state VARCHAR(16) NOT NULL,
    content JSON NOT NULL,
    PRIMARY KEY (order_id, refund_id)
);
CREATE INDEX ix_book_refunds_state ON book_refunds (state);
CREATE TABLE book_submissions (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    batch VARCHAR(255),
    namespace VARCHAR(255) NOT NULL,
    status VARCHAR(16) NOT NULL,
    failed_step VARCHAR(16),
    reason TEXT,
    total BIGINT,
    currency VARCHAR(3),
    opened_at DATETIME NOT NULL,
    closed_at DATETIME,
    namespace_id VARCHAR(64),
    notice VARCHAR(16),
    charge_id TEXT,
    tracking_number TEXT,
    email_hash VARCHAR(64),
    PRIMARY KEY (order_id, submission)
);
CREATE INDEX book_by_amount ON book_submissions (total, opened_at, order_id, status, failed_step, currency);
CREATE INDEX book_by_batch ON book_submissions (batch, opened_at, order_id);
CREATE INDEX book_by_charge ON book_submissions (charge_id) WHERE charge_id IS NOT NULL;
CREATE INDEX book_by_currency ON book_submissions (currency, opened_at, order_id);
CREATE INDEX book_by_email ON book_submissions (email_hash, opened_at, order_id) WHERE email_hash IS NOT NULL;
CREATE INDEX book_by_status ON book_submissions (status, opened_at, order_id);
CREATE INDEX book_by_time ON book_submissions (opened_at, order_id);
CREATE INDEX book_by_tracking ON book_submissions (tracking_number) WHERE tracking_number IS NOT NULL;
CREATE INDEX book_notice_owed ON book_submissions (order_id, submission) WHERE notice = 'owed';
CREATE UNIQUE INDEX book_one_live ON book_submissions (order_id) WHERE status IN ('open', 'fulfilled');
CREATE TABLE book_to_announce (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    PRIMARY KEY (order_id, submission)
);
CREATE TABLE book_effects (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    effect VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    unanswered_until DATETIME,
    receipt JSON,
    claimed_at DATETIME,
    done_at DATETIME,
    fenced_at DATETIME,
    settled_at DATETIME,
    handled_by VARCHAR(100),
    handled_note TEXT,
    claimed_by VARCHAR(64),
    claims_in_run INTEGER DEFAULT 0 NOT NULL,
    round INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (order_id, submission, effect),
    FOREIGN KEY(order_id, submission) REFERENCES book_submissions (order_id, submission)
);
CREATE INDEX book_in_doubt ON book_effects (order_id, submission, effect) WHERE state = 'in doubt';
CREATE TABLE world_authorisations (
    "key" VARCHAR(160) NOT NULL,
    state VARCHAR(16) NOT NULL,
    charge_id VARCHAR(64),
    amount BIGINT,
    currency VARCHAR(3),
    payment_method TEXT,
    PRIMARY KEY ("key")
);
CREATE TABLE world_calls (
    "key" VARCHAR(160) NOT NULL,
    operation VARCHAR(16) NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY ("key", operation)
);
CREATE TABLE world_charges (
    "key" VARCHAR(160) NOT NULL,
    charge_id VARCHAR(64) NOT NULL,
    amount BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    payment_method TEXT NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE world_notices (
    "key" VARCHAR(160) NOT NULL,
    message_id VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE world_reservations (
    "key" VARCHAR(160) NOT NULL,
    reservation_id VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    lines JSON NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE world_shipments (
    label_key VARCHAR(160) NOT NULL,
    state VARCHAR(16) NOT NULL,
    label_id VARCHAR(64),
    carrier VARCHAR(64),
    tracking_number VARCHAR(64),
    postal_code TEXT,
    dispatch_key VARCHAR(160),
    PRIMARY KEY (label_key),
    UNIQUE (dispatch_key)
);
CREATE TABLE world_stock (
    sku TEXT NOT NULL,
    initial BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    shipped BIGINT NOT NULL,
    PRIMARY KEY (sku),
    CONSTRAINT world_stock_never_negative CHECK (on_hand >= 0 AND reserved >= 0 AND shipped >= 0),
    CONSTRAINT world_stock_adds_up CHECK (on_hand + reserved + shipped = initial)
);
CREATE TABLE world_submissions (
    order_id VARCHAR(64) NOT NULL,
    submission VARCHAR(64) NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (order_id, submission)
);
CREATE TABLE world_refunded_parts (
    "key" VARCHAR(160) NOT NULL,
    charge_key VARCHAR(160),
    amount BIGINT NOT NULL,
    PRIMARY KEY ("key"),
    FOREIGN KEY(charge_key) REFERENCES world_charges ("key")
);
CREATE INDEX ix_world_refunded_parts_charge_key ON world_refunded_parts (charge_key);
CREATE TABLE world_refunds (
    charge_key VARCHAR(160) NOT NULL,
    refund_id VARCHAR(64) NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (charge_key),
    FOREIGN KEY(charge_key) REFERENCES world_charges ("key")
);
CREATE TABLE remembered_calls (
    submission VARCHAR(130) NOT NULL,
    method VARCHAR(16) NOT NULL,
    sent_by VARCHAR(255) NOT NULL,
    sent_at DATETIME NOT NULL,
    over_at DATETIME NOT NULL,
    answer JSON,
    PRIMARY KEY (submission, method)
);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0015');

-- +goose Up

-- "Cour": says whose file this is (file(1), PRAGMA application_id).
PRAGMA application_id = 1131378034;

-- A row is the message, its place in the queue and its state. Times are
-- microseconds since 1970 UTC, durations microseconds. An attempt that was
-- accepted is kept in the accepted_ columns, so that a message which is sent at
-- once is two writes of one row; all others are rows of attempt.
CREATE TABLE message (
    seq                  INTEGER PRIMARY KEY,
    id                   BLOB NOT NULL CHECK (length(id) = 16),
    status               TEXT NOT NULL CHECK (status IN (
        'queued', 'processing', 'sent', 'delivered', 'undelivered',
        'rejected', 'expired', 'abandoned', 'canceled', 'unknown')),
    gateway              TEXT NOT NULL,
    next_attempt_at      INTEGER,
    lease_node           TEXT,
    lease_token          INTEGER,
    lease_until          INTEGER,
    send_count           INTEGER NOT NULL CHECK (send_count >= 0),
    retry_count          INTEGER NOT NULL CHECK (retry_count >= 0),
    last_error           INTEGER,
    updated_at           INTEGER NOT NULL,
    sent_at              INTEGER,
    expires_at           INTEGER,
    gateway_message_id   TEXT,
    accepted_http_status INTEGER,
    accepted_started_at  INTEGER,
    accepted_duration    INTEGER,
    created_at           INTEGER NOT NULL,
    channel              TEXT NOT NULL,
    recipient            TEXT NOT NULL,
    sender               TEXT NOT NULL,
    body                 TEXT NOT NULL,
    subject              TEXT,
    template_type        TEXT,
    template_data        BLOB,
    request_headers      BLOB,
    metadata             BLOB,
    encoding             TEXT,
    segments             INTEGER NOT NULL CHECK (segments >= 0),
    idempotency_key      TEXT,
    fingerprint          BLOB CHECK (fingerprint IS NULL OR length(fingerprint) = 32),
    trace_parent         TEXT,

    CONSTRAINT processing_has_lease
        CHECK ((status = 'processing') = (lease_token IS NOT NULL)),
    CONSTRAINT lease_is_whole
        CHECK ((lease_token IS NULL) = (lease_node IS NULL) AND (lease_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT queued_is_due
        CHECK (status <> 'queued' OR next_attempt_at IS NOT NULL),
    CONSTRAINT sent_has_time
        CHECK (status <> 'sent' OR sent_at IS NOT NULL),
    CONSTRAINT last_error_was_made
        CHECK (last_error IS NULL OR last_error BETWEEN 1 AND send_count),
    CONSTRAINT accepted_is_whole
        CHECK ((accepted_http_status IS NULL) = (accepted_duration IS NULL)),
    CONSTRAINT accepted_was_made
        CHECK (accepted_http_status IS NULL OR send_count > 0)
) STRICT;

CREATE UNIQUE INDEX message_id ON message (id);
CREATE UNIQUE INDEX message_idempotency_key ON message (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX message_recipient ON message (recipient, id);
CREATE INDEX message_due ON message (gateway, next_attempt_at) WHERE status = 'queued';
CREATE INDEX message_expiring ON message (expires_at) WHERE status = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX message_processing ON message (lease_token) WHERE status = 'processing';
CREATE INDEX message_rare ON message (status, id)
    WHERE status IN ('undelivered', 'rejected', 'expired', 'abandoned', 'canceled', 'unknown');

CREATE TABLE attempt (
    message_seq        INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    number             INTEGER NOT NULL CHECK (number >= 1),
    gateway            TEXT NOT NULL,
    outcome            TEXT NOT NULL CHECK (outcome IN (
        'accepted', 'retry', 'rejected', 'gateway_down', 'unknown', 'canceled')),
    class              TEXT,
    code               TEXT,
    message            TEXT,
    http_status        INTEGER NOT NULL,
    excerpt            TEXT,
    gateway_message_id TEXT,
    retry_after        INTEGER NOT NULL,
    started_at         INTEGER,
    duration           INTEGER NOT NULL,
    PRIMARY KEY (message_seq, number)
) STRICT, WITHOUT ROWID;

-- One row that readiness checks write, to find a full or read-only disk.
CREATE TABLE probe (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    checked_at INTEGER NOT NULL
) STRICT;

-- +goose Down

DROP TABLE probe;
DROP TABLE attempt;
DROP TABLE message;
PRAGMA application_id = 0;

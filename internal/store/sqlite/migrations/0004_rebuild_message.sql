-- +goose NO TRANSACTION
-- +goose Up

-- SQLite builds a table in memory for each IN list of a CHECK or of a partial
-- index, at each change of a row: most of what a change cost. Comparisons joined
-- by OR mean the same and cost next to nothing. A message has a time of its next
-- attempt while it is queued or processing, and only then (waiting_is_due), so
-- one look tells the indexes that most changes do not concern them. The table is made anew as
-- https://www.sqlite.org/lang_altertable.html (7) says; without foreign keys, so
-- that dropping the old one deletes no attempt. A crash on the way leaves the old
-- table whole, and doing it twice changes nothing.
PRAGMA foreign_keys = OFF;

BEGIN IMMEDIATE;

CREATE TABLE message_rebuilt (
    seq                  INTEGER PRIMARY KEY,
    id                   BLOB NOT NULL CHECK (length(id) = 16),
    status               TEXT NOT NULL CHECK (
        status = 'queued' OR status = 'processing' OR status = 'sent' OR status = 'delivered'
        OR status = 'undelivered' OR status = 'rejected' OR status = 'expired'
        OR status = 'abandoned' OR status = 'canceled' OR status = 'unknown'),
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
    scrubbed_at          INTEGER,

    CONSTRAINT processing_has_lease
        CHECK ((status = 'processing') = (lease_token IS NOT NULL)),
    CONSTRAINT lease_is_whole
        CHECK ((lease_token IS NULL) = (lease_node IS NULL) AND (lease_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT waiting_is_due
        CHECK ((next_attempt_at IS NOT NULL) = (status = 'queued' OR status = 'processing')),
    CONSTRAINT sent_has_time
        CHECK (status <> 'sent' OR sent_at IS NOT NULL),
    CONSTRAINT last_error_was_made
        CHECK (last_error IS NULL OR last_error BETWEEN 1 AND send_count),
    CONSTRAINT accepted_is_whole
        CHECK ((accepted_http_status IS NULL) = (accepted_duration IS NULL)),
    CONSTRAINT accepted_was_made
        CHECK (accepted_http_status IS NULL OR send_count > 0)
) STRICT;

INSERT INTO message_rebuilt (
    seq, id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until, send_count,
    retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
    accepted_http_status, accepted_started_at, accepted_duration, created_at, channel, recipient,
    sender, body, subject, template_type, template_data, request_headers, metadata, encoding,
    segments, idempotency_key, fingerprint, trace_parent, scrubbed_at
)
SELECT
    seq, id, status, gateway,
    CASE WHEN status = 'queued' OR status = 'processing' THEN coalesce(next_attempt_at, created_at) END,
    lease_node, lease_token, lease_until, send_count,
    retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
    accepted_http_status, accepted_started_at, accepted_duration, created_at, channel, recipient,
    sender, body, subject, template_type, template_data, request_headers, metadata, encoding,
    segments, idempotency_key, fingerprint, trace_parent, scrubbed_at
FROM message;

DROP TABLE message;

ALTER TABLE message_rebuilt RENAME TO message;

CREATE UNIQUE INDEX message_id ON message (id);
CREATE UNIQUE INDEX message_idempotency_key ON message (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX message_recipient ON message (recipient, id);
CREATE INDEX message_due ON message (gateway, next_attempt_at) WHERE status = 'queued';
CREATE INDEX message_expiring ON message (expires_at) WHERE status = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX message_processing ON message (lease_token) WHERE status = 'processing';
CREATE INDEX message_rare ON message (status, id)
    WHERE next_attempt_at IS NULL AND status <> 'sent' AND status <> 'delivered';

CREATE INDEX message_ended ON message (scrubbed_at, updated_at)
    WHERE next_attempt_at IS NULL AND status <> 'unknown';

COMMIT;

PRAGMA foreign_keys = ON;

-- +goose Down

-- The table serves the statements of before as it is.
SELECT 1;

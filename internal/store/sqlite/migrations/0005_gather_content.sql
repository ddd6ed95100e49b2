-- +goose Up

-- What the caller gave and no query asks for becomes one document, so that a new
-- field of it is no change of the schema. Each caller has idempotency keys of its
-- own; the keys of before are those of a caller without a name. The tables are made anew, as that
-- writes each row once; the attempts too, as they would go with the table that
-- they refer to. All is one transaction with the version of the schema.
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
    -- A JSON object: subject, template_type, template_data, …, see content.go.
    content              TEXT NOT NULL DEFAULT '{}',
    caller               TEXT NOT NULL DEFAULT '',
    idempotency_key      TEXT,
    fingerprint          BLOB CHECK (fingerprint IS NULL OR length(fingerprint) = 32),
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

-- The texts of documents are taken as they are, as a function of JSON would write
-- numbers and spaces anew. What is no JSON becomes a string of JSON.
INSERT INTO message_rebuilt (
    seq, id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until, send_count,
    retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
    accepted_http_status, accepted_started_at, accepted_duration, created_at, channel, recipient,
    sender, body, content, idempotency_key, fingerprint, scrubbed_at
)
SELECT
    seq, id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until, send_count,
    retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
    accepted_http_status, accepted_started_at, accepted_duration, created_at, channel, recipient,
    sender, body,
    '{"segments":' || segments
        || iif(encoding IS NULL, '', ',"encoding":' || json_quote(encoding))
        || iif(subject IS NULL, '', ',"subject":' || json_quote(subject))
        || iif(template_type IS NULL, '', ',"template_type":' || json_quote(template_type))
        || iif(template_data IS NULL, '', ',"template_data":'
            || iif(json_valid(CAST(template_data AS TEXT)), CAST(template_data AS TEXT), json_quote(CAST(template_data AS TEXT))))
        || iif(request_headers IS NULL, '', ',"request_headers":'
            || iif(json_valid(CAST(request_headers AS TEXT)), CAST(request_headers AS TEXT), json_quote(CAST(request_headers AS TEXT))))
        || iif(metadata IS NULL, '', ',"metadata":'
            || iif(json_valid(CAST(metadata AS TEXT)), CAST(metadata AS TEXT), json_quote(CAST(metadata AS TEXT))))
        || iif(trace_parent IS NULL, '', ',"trace_parent":' || json_quote(trace_parent)) || '}',
    idempotency_key, fingerprint, scrubbed_at
FROM message
ORDER BY seq;

CREATE TABLE attempt_rebuilt (
    message_seq        INTEGER NOT NULL REFERENCES message_rebuilt (seq) ON DELETE CASCADE,
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

INSERT INTO attempt_rebuilt SELECT * FROM attempt ORDER BY message_seq, number;

DROP TABLE attempt;
DROP TABLE message;
ALTER TABLE message_rebuilt RENAME TO message;
ALTER TABLE attempt_rebuilt RENAME TO attempt;

CREATE UNIQUE INDEX message_id ON message (id);
CREATE UNIQUE INDEX message_idempotency_key ON message (caller, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX message_recipient ON message (recipient, id);
CREATE INDEX message_due ON message (gateway, next_attempt_at) WHERE status = 'queued';
CREATE INDEX message_expiring ON message (expires_at) WHERE status = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX message_processing ON message (lease_token) WHERE status = 'processing';
CREATE INDEX message_rare ON message (status, id)
    WHERE next_attempt_at IS NULL AND status <> 'sent' AND status <> 'delivered';
CREATE INDEX message_ended ON message (scrubbed_at, updated_at)
    WHERE next_attempt_at IS NULL AND status <> 'unknown';

-- Who wants to be told of messages that come into which status, and what they are
-- to be told. Triggers write the events, and are there while somebody listens.
CREATE TABLE listener (
    name   TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (status, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    listener    TEXT NOT NULL,
    message_id  BLOB NOT NULL,
    from_status TEXT NOT NULL,
    to_status   TEXT NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX event_listener ON event (listener, seq);

-- +goose Down

DROP TRIGGER IF EXISTS message_inserted;
DROP TRIGGER IF EXISTS message_changed;
DROP TABLE event;
DROP TABLE listener;

ALTER TABLE message ADD COLUMN subject TEXT;
ALTER TABLE message ADD COLUMN template_type TEXT;
ALTER TABLE message ADD COLUMN template_data BLOB;
ALTER TABLE message ADD COLUMN request_headers BLOB;
ALTER TABLE message ADD COLUMN metadata BLOB;
ALTER TABLE message ADD COLUMN encoding TEXT;
ALTER TABLE message ADD COLUMN segments INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN trace_parent TEXT;

UPDATE message SET
    subject = content ->> '$.subject', template_type = content ->> '$.template_type',
    template_data = CAST(content -> '$.template_data' AS BLOB),
    request_headers = CAST(content -> '$.request_headers' AS BLOB), metadata = CAST(content -> '$.metadata' AS BLOB),
    encoding = content ->> '$.encoding', segments = coalesce(content ->> '$.segments', 0),
    trace_parent = content ->> '$.trace_parent',
    -- The keys of callers were one's own, and would meet here.
    idempotency_key = iif(caller = '', idempotency_key, caller || ' ' || idempotency_key);

DROP INDEX message_idempotency_key;
ALTER TABLE message DROP COLUMN content;
ALTER TABLE message DROP COLUMN caller;
CREATE UNIQUE INDEX message_idempotency_key ON message (idempotency_key) WHERE idempotency_key IS NOT NULL;

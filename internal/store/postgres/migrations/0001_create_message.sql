-- +goose Up

-- A row is the message, its place in the queue and its state. Durations are
-- microseconds. An attempt that was accepted is kept in the accepted_ columns,
-- so that a message which is sent at once is two writes of one row; all others
-- are rows of attempt. The columns of fixed width come first: nothing is lost
-- between them. The defaults are for those who insert by hand.
CREATE TABLE courier.message (
    id                   uuid PRIMARY KEY,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    next_attempt_at      timestamptz DEFAULT now(),
    expires_at           timestamptz,
    sent_at              timestamptz,
    lease_until          timestamptz,
    lease_token          bigint,
    -- The token of the last settlement: a repeat of it finds that it was made.
    settled_token        bigint,
    accepted_started_at  timestamptz,
    accepted_duration    bigint,
    accepted_http_status integer,
    send_count           integer NOT NULL DEFAULT 0 CHECK (send_count >= 0),
    retry_count          integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
    last_error           integer,
    segments             integer NOT NULL DEFAULT 0 CHECK (segments >= 0),
    status               text NOT NULL DEFAULT 'queued' CHECK (status IN (
        'queued', 'processing', 'sent', 'delivered', 'undelivered',
        'rejected', 'expired', 'abandoned', 'canceled', 'unknown')),
    gateway              text COLLATE "C" NOT NULL DEFAULT '',
    channel              text NOT NULL DEFAULT 'sms',
    recipient            text COLLATE "C" NOT NULL,
    sender               text NOT NULL DEFAULT '',
    body                 text NOT NULL,
    lease_node           text COLLATE "C",
    gateway_message_id   text,
    subject              text,
    template_type        text,
    template_data        text,
    request_headers      text,
    metadata             text,
    encoding             text,
    idempotency_key      text COLLATE "C",
    fingerprint          bytea CHECK (fingerprint IS NULL OR length(fingerprint) = 32),
    trace_parent         text,
    -- The body and, after its length in 4 bytes, the subject, where they hold what a
    -- text of PostgreSQL cannot: the character NUL, or bytes that are no UTF-8.
    exact                bytea,

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
);

CREATE UNIQUE INDEX message_idempotency_key ON courier.message (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX message_recipient ON courier.message (recipient, id);
CREATE INDEX message_due ON courier.message (gateway, next_attempt_at, id) WHERE status = 'queued';
CREATE INDEX message_expiring ON courier.message (expires_at) WHERE status = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX message_processing ON courier.message (lease_node) WHERE status = 'processing';
CREATE INDEX message_rare ON courier.message (status, id)
    WHERE status IN ('undelivered', 'rejected', 'expired', 'abandoned', 'canceled', 'unknown');

CREATE TABLE courier.attempt (
    message_id         uuid NOT NULL REFERENCES courier.message (id) ON DELETE CASCADE,
    number             integer NOT NULL CHECK (number >= 1),
    gateway            text NOT NULL,
    outcome            text NOT NULL CHECK (outcome IN (
        'accepted', 'retry', 'rejected', 'gateway_down', 'unknown', 'canceled')),
    class              text,
    code               text,
    message            text,
    http_status        integer NOT NULL,
    excerpt            text,
    gateway_message_id text,
    retry_after        bigint NOT NULL,
    started_at         timestamptz,
    duration           bigint NOT NULL,
    PRIMARY KEY (message_id, number)
);

-- How many messages are in the statuses that are watched, as differences: the
-- sums over all rows are exact. Each connection that writes has a row, so that no
-- two wait for each other. SQL that stores messages adds rows with a negative
-- writer. Housekeeping adds the rows of those that are gone to one.
CREATE TABLE courier.tally (
    store      uuid NOT NULL,
    writer     integer NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    queued     bigint NOT NULL,
    processing bigint NOT NULL,
    unknown    bigint NOT NULL,
    PRIMARY KEY (store, writer)
);

-- One row that readiness checks write, to find a full or read-only disk.
CREATE TABLE courier.probe (
    id         integer PRIMARY KEY CHECK (id = 1),
    checked_at timestamptz NOT NULL
);

-- +goose Down

DROP TABLE courier.probe;
DROP TABLE courier.tally;
DROP TABLE courier.attempt;
DROP TABLE courier.message;

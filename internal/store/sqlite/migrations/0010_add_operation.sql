-- +goose Up

-- What happened to the messages of a gateway in a minute, or ten of them: a JSON list of
-- numbers, in the order of Traffic.Numbers.
CREATE TABLE series (
    at      INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    counts  TEXT NOT NULL,
    PRIMARY KEY (at, gateway)
) STRICT, WITHOUT ROWID;

-- Failed attempts and bad receipts in ten minutes.
CREATE TABLE fault (
    at      INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    class   TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (at, gateway, class)
) STRICT, WITHOUT ROWID;

-- Who did what.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX audit_action ON audit (action, seq);
CREATE INDEX audit_target ON audit (target, seq) WHERE target <> '';

-- The gateways that are to take no messages.
CREATE TABLE gateway_pause (
    gateway TEXT PRIMARY KEY,
    reason  TEXT NOT NULL,
    who     TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is done to all messages of a filter, the newest first, down to the id done_to so far.
CREATE TABLE action (
    id          BLOB PRIMARY KEY,
    status      TEXT NOT NULL CHECK (status IN ('running', 'done', 'stopped', 'failed')),
    kind        TEXT NOT NULL,
    resolution  TEXT NOT NULL,
    filter      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    who         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    done_to     BLOB,
    examined    INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    fault       TEXT NOT NULL,
    node        TEXT NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX action_running ON action (lease_until) WHERE status = 'running';

-- +goose Down

DROP TABLE action;
DROP TABLE gateway_pause;
DROP TABLE audit;
DROP TABLE fault;
DROP TABLE series;

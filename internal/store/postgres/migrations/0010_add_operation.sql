-- +goose Up

-- What happened to the messages of a gateway in a minute, or ten of them: numbers in the
-- order of Traffic.Numbers.
CREATE TABLE courier.series (
    at      timestamptz NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    counts  bigint[] NOT NULL,
    PRIMARY KEY (at, gateway)
);

-- Failed attempts and bad receipts in ten minutes.
CREATE TABLE courier.fault (
    at      timestamptz NOT NULL,
    count   bigint NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    class   text COLLATE "C" NOT NULL,
    PRIMARY KEY (at, gateway, class)
);

-- Who did what.
CREATE TABLE courier.audit (
    seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    who    text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL
);

CREATE INDEX audit_action ON courier.audit (action, seq);
CREATE INDEX audit_target ON courier.audit (target, seq) WHERE target <> '';

-- The gateways that are to take no messages.
CREATE TABLE courier.gateway_pause (
    at      timestamptz NOT NULL,
    gateway text COLLATE "C" PRIMARY KEY,
    reason  text NOT NULL,
    who     text NOT NULL
);

-- What is done to all messages of a filter, the newest first, down to the id done_to so far.
CREATE TABLE courier.action (
    id          uuid PRIMARY KEY,
    at          timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    lease_until timestamptz NOT NULL,
    done_to     uuid,
    examined    bigint NOT NULL,
    changed     bigint NOT NULL,
    skipped     bigint NOT NULL,
    status      text NOT NULL CHECK (status IN ('running', 'done', 'stopped', 'failed')),
    kind        text NOT NULL,
    resolution  text NOT NULL,
    filter      text NOT NULL,
    reason      text NOT NULL,
    who         text NOT NULL,
    fault       text NOT NULL,
    node        text NOT NULL
);

CREATE INDEX action_running ON courier.action (lease_until) WHERE status = 'running';

-- What a node says of its gateways, a JSON list.
ALTER TABLE courier.node ADD COLUMN state text NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE courier.node DROP COLUMN state;
DROP TABLE courier.action;
DROP TABLE courier.gateway_pause;
DROP TABLE courier.audit;
DROP TABLE courier.fault;
DROP TABLE courier.series;

-- +goose Up

-- What a receipt said against a message that had been accepted: a JSON object, see
-- receipt.go. It stands for last_error.
ALTER TABLE message ADD COLUMN failure TEXT;
-- What went wrong though the attempt was accepted.
ALTER TABLE attempt ADD COLUMN warning TEXT;

-- Finds a message by what its gateway calls it, see key.go. The messages of before have
-- none: their gateways were not asked for receipts.
ALTER TABLE message ADD COLUMN gateway_key INTEGER;
CREATE INDEX message_gateway_key ON message (gateway_key) WHERE gateway_key IS NOT NULL;

-- The ids of attempts that the row of the message has no room for: of each part where
-- there are several, and of attempts before the last.
CREATE TABLE part (
    message_seq        INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    number             INTEGER NOT NULL CHECK (number >= 1),
    position           INTEGER NOT NULL CHECK (position >= 1),
    gateway            TEXT NOT NULL,
    gateway_message_id TEXT NOT NULL,
    PRIMARY KEY (message_seq, number, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX part_gateway_message_id ON part (gateway_message_id);

INSERT INTO part (message_seq, number, position, gateway, gateway_message_id)
SELECT message_seq, number, 1, gateway, gateway_message_id FROM attempt
WHERE outcome = 'accepted' AND gateway_message_id IS NOT NULL;

CREATE TABLE receipt (
    message_seq        INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    number             INTEGER NOT NULL CHECK (number >= 1),
    gateway            TEXT NOT NULL,
    gateway_message_id TEXT NOT NULL,
    status             TEXT NOT NULL,
    class              TEXT,
    code               TEXT,
    message            TEXT,
    at                 INTEGER,
    received_at        INTEGER NOT NULL,
    PRIMARY KEY (message_seq, number)
) STRICT, WITHOUT ROWID;

-- Receipts that belong to no attempt which is known, or to one that is under way. The
-- id of a message is empty where only the gateway's is known.
CREATE TABLE parked (
    seq                INTEGER PRIMARY KEY,
    message_id         BLOB NOT NULL,
    gateway            TEXT NOT NULL,
    gateway_message_id TEXT NOT NULL,
    status             TEXT NOT NULL,
    class              TEXT,
    code               TEXT,
    message            TEXT,
    at                 INTEGER,
    received_at        INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX parked_once ON parked (gateway_message_id, message_id, gateway, status);
CREATE INDEX parked_message ON parked (message_id) WHERE message_id <> x'';
CREATE INDEX parked_received ON parked (received_at);

-- What became of the messages that a gateway took in a minute.
CREATE TABLE gateway_minute (
    minute      INTEGER NOT NULL,
    gateway     TEXT NOT NULL,
    country     TEXT NOT NULL,
    accepted    INTEGER NOT NULL,
    delivered   INTEGER NOT NULL,
    undelivered INTEGER NOT NULL,
    slow        INTEGER NOT NULL,
    PRIMARY KEY (minute, gateway, country)
) STRICT, WITHOUT ROWID;

-- The weights of gateways in routes: the last of each holds.
CREATE TABLE route_weight (
    seq        INTEGER PRIMARY KEY,
    route      TEXT NOT NULL,
    gateway    TEXT NOT NULL,
    weight     INTEGER NOT NULL CHECK (weight BETWEEN 0 AND 100),
    reason     TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX route_weight_route ON route_weight (route);
CREATE INDEX route_weight_gateway ON route_weight (route, gateway);

-- +goose Down

DROP TABLE route_weight;
DROP TABLE gateway_minute;
DROP TABLE parked;
DROP TABLE receipt;
DROP TABLE part;
DROP INDEX message_gateway_key;
ALTER TABLE message DROP COLUMN gateway_key;
ALTER TABLE attempt DROP COLUMN warning;
ALTER TABLE message DROP COLUMN failure;

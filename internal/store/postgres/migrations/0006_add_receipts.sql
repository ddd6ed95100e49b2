-- +goose Up

-- What a receipt said against a message that had been accepted: a JSON object, see
-- receipt.go. It stands for last_error.
ALTER TABLE courier.message ADD COLUMN failure text;
-- What went wrong though the attempt was accepted.
ALTER TABLE courier.attempt ADD COLUMN warning text;

-- Finds a message by what its gateway calls it, see key.go. The messages of before have
-- none: their gateways were not asked for receipts.
ALTER TABLE courier.message ADD COLUMN gateway_key bigint;
CREATE INDEX message_gateway_key ON courier.message (gateway_key) WHERE gateway_key IS NOT NULL;
CREATE SEQUENCE courier.gateway_key_segment;

-- The ids of attempts that the row of the message has no room for: of each part where
-- there are several, and of attempts before the last.
CREATE TABLE courier.part (
    message_id         uuid NOT NULL REFERENCES courier.message (id) ON DELETE CASCADE,
    number             integer NOT NULL CHECK (number >= 1),
    position           integer NOT NULL CHECK (position >= 1),
    gateway            text COLLATE "C" NOT NULL,
    gateway_message_id text NOT NULL,
    PRIMARY KEY (message_id, number, position)
);

CREATE INDEX part_gateway_message_id ON courier.part (gateway_message_id);

INSERT INTO courier.part (message_id, number, position, gateway, gateway_message_id)
SELECT message_id, number, 1, gateway, left(gateway_message_id, 250) FROM courier.attempt
WHERE outcome = 'accepted' AND gateway_message_id IS NOT NULL;

CREATE TABLE courier.receipt (
    message_id         uuid NOT NULL REFERENCES courier.message (id) ON DELETE CASCADE,
    received_at        timestamptz NOT NULL,
    at                 timestamptz,
    number             integer NOT NULL CHECK (number >= 1),
    gateway            text COLLATE "C" NOT NULL,
    gateway_message_id text NOT NULL,
    status             text NOT NULL,
    class              text,
    code               text,
    message            text,
    PRIMARY KEY (message_id, number)
);

-- Receipts that belong to no attempt which is known, or to one that is under way. The
-- id of a message is the one of zeros where only the gateway's is known.
CREATE TABLE courier.parked (
    seq                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parked_at          timestamptz NOT NULL DEFAULT now(),
    received_at        timestamptz NOT NULL,
    at                 timestamptz,
    message_id         uuid NOT NULL,
    gateway            text COLLATE "C" NOT NULL,
    gateway_message_id text NOT NULL,
    status             text NOT NULL,
    class              text,
    code               text,
    message            text
);

CREATE UNIQUE INDEX parked_once ON courier.parked (gateway_message_id, message_id, gateway, status);
CREATE INDEX parked_message ON courier.parked (message_id) WHERE message_id <> '00000000-0000-0000-0000-000000000000';
CREATE INDEX parked_received ON courier.parked (received_at);
CREATE INDEX parked_parked ON courier.parked (parked_at);

-- What became of the messages that a gateway took in a minute.
CREATE TABLE courier.gateway_minute (
    minute      timestamptz NOT NULL,
    accepted    bigint NOT NULL,
    delivered   bigint NOT NULL,
    undelivered bigint NOT NULL,
    slow        bigint NOT NULL,
    gateway     text COLLATE "C" NOT NULL,
    country     text COLLATE "C" NOT NULL,
    PRIMARY KEY (minute, gateway, country)
);

-- The weights of gateways in routes: the last of each holds.
CREATE TABLE courier.route_weight (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL,
    weight     integer NOT NULL CHECK (weight BETWEEN 0 AND 100),
    route      text COLLATE "C" NOT NULL,
    gateway    text COLLATE "C" NOT NULL,
    reason     text NOT NULL
);

CREATE INDEX route_weight_route ON courier.route_weight (route, seq);
CREATE INDEX route_weight_gateway ON courier.route_weight (route, gateway, seq);

-- +goose Down

DROP TABLE courier.route_weight;
DROP TABLE courier.gateway_minute;
DROP TABLE courier.parked;
DROP TABLE courier.receipt;
DROP TABLE courier.part;
DROP SEQUENCE courier.gateway_key_segment;
DROP INDEX courier.message_gateway_key;
ALTER TABLE courier.message DROP COLUMN gateway_key;
ALTER TABLE courier.attempt DROP COLUMN warning;
ALTER TABLE courier.message DROP COLUMN failure;

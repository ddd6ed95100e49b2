-- +goose Up

-- The couriers on this database. All times are those of the database's clock.
CREATE TABLE courier.node (
    name       text COLLATE "C" PRIMARY KEY,
    host       text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    lapses_at  timestamptz NOT NULL,
    in_flight  integer NOT NULL,
    gateways   text[] NOT NULL
);

-- What one node does for all, and until when it is this node's.
CREATE TABLE courier.duty (
    name   text PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    until  timestamptz NOT NULL
);

-- The rates that all nodes share: how many attempts were granted last, and until
-- when all that were granted are paid for, in nanoseconds since 1970 UTC, as rates
-- above a thousand a second need them.
CREATE TABLE courier.rate (
    gateway    text COLLATE "C" PRIMARY KEY,
    granted    bigint NOT NULL,
    paid_until bigint NOT NULL
);

-- +goose Down

DROP TABLE courier.rate;
DROP TABLE courier.duty;
DROP TABLE courier.node;

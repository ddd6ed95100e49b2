-- +goose Up

-- When messages of a subject of limits were taken, see limit.go. It may go after a time,
-- which changes once an hour at most: most changes of a row touch no index, and there is
-- room for them on the same page.
CREATE TABLE courier.usage (
    subject bytea PRIMARY KEY,
    until   timestamptz NOT NULL,
    times   bytea NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX usage_until ON courier.usage (until);

-- +goose Down

DROP TABLE courier.usage;

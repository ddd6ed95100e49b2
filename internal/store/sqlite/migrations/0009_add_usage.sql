-- +goose Up

-- When messages of a subject of limits were taken, see limit.go. It may go after a time,
-- which changes once an hour at most, so that the index costs next to nothing.
CREATE TABLE usage (
    subject BLOB PRIMARY KEY,
    until   INTEGER NOT NULL,
    times   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_until ON usage (until);

-- +goose Down

DROP TABLE usage;

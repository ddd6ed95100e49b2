-- +goose Up

-- The visitors of the pages who have signed in. id is the SHA-256 of what their cookie
-- holds, key that of the hash of the API key they gave.
CREATE TABLE courier.session (
    id         bytea PRIMARY KEY CHECK (length(id) = 32),
    key        bytea NOT NULL CHECK (length(key) = 32),
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);

-- +goose Down

DROP TABLE courier.session;

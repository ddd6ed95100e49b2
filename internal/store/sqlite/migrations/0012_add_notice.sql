-- +goose Up

-- An event that waits says how often its listener was told in vain; one that was dealt
-- with and is worth remembering becomes a notice, which goes with its message.
ALTER TABLE event ADD COLUMN tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0);
ALTER TABLE event ADD COLUMN tried_at INTEGER;
ALTER TABLE event ADD COLUMN fault TEXT;

CREATE INDEX event_message ON event (message_id);

CREATE TABLE notice (
    message_seq INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    seq         INTEGER NOT NULL,
    listener    TEXT NOT NULL,
    to_status   TEXT NOT NULL,
    changed_at  INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('delivered', 'given_up')),
    tries       INTEGER NOT NULL CHECK (tries >= 0),
    tried_at    INTEGER,
    fault       TEXT,
    PRIMARY KEY (message_seq, seq)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE notice;
DROP INDEX event_message;
ALTER TABLE event DROP COLUMN tries;
ALTER TABLE event DROP COLUMN tried_at;
ALTER TABLE event DROP COLUMN fault;

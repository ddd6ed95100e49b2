-- +goose Up

-- How urgent a message is, and what it has in common with those whose place a newer one
-- takes. Only what no gateway has taken yet is looked for, by a number for the key, see key.go.
ALTER TABLE message ADD COLUMN lane TEXT NOT NULL DEFAULT 'normal' CHECK (lane = 'otp' OR lane = 'normal' OR lane = 'bulk');
ALTER TABLE message ADD COLUMN supersede_key TEXT;
ALTER TABLE message ADD COLUMN place_key INTEGER;
CREATE INDEX message_place_key ON message (place_key) WHERE place_key IS NOT NULL AND next_attempt_at IS NOT NULL;

-- The newer message that took the place of this one.
ALTER TABLE message ADD COLUMN superseded_by BLOB;
-- When a message that waits for an older one, which is in flight, would be due without it.
ALTER TABLE message ADD COLUMN held_due_at INTEGER;

-- +goose Down

DROP INDEX message_place_key;
ALTER TABLE message DROP COLUMN place_key;
ALTER TABLE message DROP COLUMN held_due_at;
ALTER TABLE message DROP COLUMN superseded_by;
ALTER TABLE message DROP COLUMN supersede_key;
ALTER TABLE message DROP COLUMN lane;

-- +goose Up

-- How urgent a message is, and what it has in common with those whose place a newer one
-- takes. Only what no gateway has taken yet is looked for by a key of callers; those of the
-- courier's own begin with ~ and are each of one recipient.
ALTER TABLE courier.message ADD COLUMN lane text NOT NULL DEFAULT 'normal' CHECK (lane IN ('otp', 'normal', 'bulk'));
ALTER TABLE courier.message ADD COLUMN supersede_key text COLLATE "C";
CREATE INDEX message_supersede_key ON courier.message (supersede_key)
    WHERE supersede_key < '~' AND status IN ('queued', 'processing');

-- The newer message that took the place of this one.
ALTER TABLE courier.message ADD COLUMN superseded_by uuid;
-- When a message that waits for an older one, which is in flight, would be due without it.
ALTER TABLE courier.message ADD COLUMN held_due_at timestamptz;

-- +goose Down

DROP INDEX courier.message_supersede_key;
ALTER TABLE courier.message DROP COLUMN held_due_at;
ALTER TABLE courier.message DROP COLUMN superseded_by;
ALTER TABLE courier.message DROP COLUMN supersede_key;
ALTER TABLE courier.message DROP COLUMN lane;

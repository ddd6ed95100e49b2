-- +goose Up

-- A message that is scrubbed has lost its content and keeps its history.
ALTER TABLE message ADD COLUMN scrubbed_at INTEGER;

CREATE INDEX message_ended ON message (scrubbed_at, updated_at)
    WHERE status IN ('sent', 'delivered', 'undelivered', 'rejected', 'expired', 'abandoned', 'canceled');

-- +goose Down

DROP INDEX message_ended;
ALTER TABLE message DROP COLUMN scrubbed_at;

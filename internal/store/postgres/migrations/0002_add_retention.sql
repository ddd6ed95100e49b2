-- +goose Up

-- A message that is scrubbed has lost its content and keeps its history.
ALTER TABLE courier.message ADD COLUMN scrubbed_at timestamptz;

CREATE INDEX message_ended ON courier.message (scrubbed_at, updated_at)
    WHERE status IN ('sent', 'delivered', 'undelivered', 'rejected', 'expired', 'abandoned', 'canceled');

-- +goose Down

DROP INDEX courier.message_ended;
ALTER TABLE courier.message DROP COLUMN scrubbed_at;

-- +goose Up

-- What waits for a gateway is a queue for each lane.
DROP INDEX message_due;
CREATE INDEX message_due ON message (gateway, lane, next_attempt_at) WHERE status = 'queued';

-- +goose Down

DROP INDEX message_due;
CREATE INDEX message_due ON message (gateway, next_attempt_at) WHERE status = 'queued';

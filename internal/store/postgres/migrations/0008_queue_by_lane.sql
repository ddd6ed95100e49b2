-- +goose Up

-- What waits for a gateway is a queue for each lane.
DROP INDEX courier.message_due;
CREATE INDEX message_due ON courier.message (gateway, lane, next_attempt_at, id) WHERE status = 'queued';

-- +goose Down

DROP INDEX courier.message_due;
CREATE INDEX message_due ON courier.message (gateway, next_attempt_at, id) WHERE status = 'queued';

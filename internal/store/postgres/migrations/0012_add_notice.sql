-- +goose Up

-- An event that waits says how often its listener was told in vain; one that was dealt
-- with and is worth remembering becomes a notice, which goes with its message.
ALTER TABLE courier.event
    ADD COLUMN tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    ADD COLUMN tried_at timestamptz,
    ADD COLUMN fault text;

CREATE INDEX event_message ON courier.event (message_id);

-- It refers to no message: to check that would lock messages that others claim, who would
-- pass over them.
CREATE TABLE courier.notice (
    message_id uuid NOT NULL,
    seq        bigint NOT NULL,
    listener   text COLLATE "C" NOT NULL,
    to_status  text NOT NULL,
    changed_at timestamptz NOT NULL,
    state      text NOT NULL CHECK (state IN ('delivered', 'given_up')),
    tries      integer NOT NULL CHECK (tries >= 0),
    tried_at   timestamptz,
    fault      text,
    PRIMARY KEY (message_id, seq)
);

-- +goose Down

DROP TABLE courier.notice;
DROP INDEX courier.event_message;
ALTER TABLE courier.event DROP COLUMN tries, DROP COLUMN tried_at, DROP COLUMN fault;

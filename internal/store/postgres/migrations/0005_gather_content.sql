-- +goose Up

-- What the caller gave and no query asks for becomes one document, so that a new
-- field of it is no change of the schema. One rewrite of the table makes it, in
-- the column metadata, from the others, and empties those. The texts of documents
-- are taken as they are, as a type of JSON would write numbers and spaces anew.
ALTER TABLE courier.message
    ALTER COLUMN metadata TYPE text USING '{"segments":' || segments
        || coalesce(',"encoding":' || to_json(encoding)::text, '')
        || coalesce(',"subject":' || to_json(subject)::text, '')
        || coalesce(',"template_type":' || to_json(template_type)::text, '')
        || coalesce(',"template_data":' || nullif(template_data, ''), '')
        || coalesce(',"request_headers":' || nullif(request_headers, ''), '')
        || coalesce(',"metadata":' || nullif(metadata, ''), '')
        || coalesce(',"trace_parent":' || to_json(trace_parent)::text, '')
        -- After 4 bytes with the length of the body that, and then the subject, of which the
        -- column above keeps what a text can.
        || coalesce(',"exact_body":"' || translate(encode(substring(exact FROM 5 FOR
            (get_byte(exact, 0) << 24) + (get_byte(exact, 1) << 16) + (get_byte(exact, 2) << 8) + get_byte(exact, 3)),
            'base64'), E'\n', '') || '"', '')
        || '}',
    ALTER COLUMN subject TYPE text USING NULL::text,
    ALTER COLUMN template_type TYPE text USING NULL::text,
    ALTER COLUMN template_data TYPE text USING NULL::text,
    ALTER COLUMN request_headers TYPE text USING NULL::text,
    ALTER COLUMN exact TYPE bytea USING NULL::bytea;

ALTER TABLE courier.message RENAME COLUMN metadata TO content;
ALTER TABLE courier.message
    ALTER COLUMN content SET DEFAULT '{}',
    ALTER COLUMN content SET NOT NULL,
    DROP COLUMN subject,
    DROP COLUMN template_type,
    DROP COLUMN template_data,
    DROP COLUMN request_headers,
    DROP COLUMN encoding,
    DROP COLUMN segments,
    DROP COLUMN trace_parent,
    DROP COLUMN exact,
    -- Each caller has idempotency keys of its own; the keys of before are those of a
    -- caller without a name.
    ADD COLUMN caller text COLLATE "C" NOT NULL DEFAULT '';

DROP INDEX courier.message_idempotency_key;
CREATE UNIQUE INDEX message_idempotency_key ON courier.message (caller, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Who wants to be told of messages that come into which status, and what they are
-- to be told. Triggers write the events, and are there while somebody listens.
CREATE TABLE courier.listener (
    name   text COLLATE "C" NOT NULL,
    status text NOT NULL,
    PRIMARY KEY (status, name)
);

CREATE TABLE courier.event (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    listener    text COLLATE "C" NOT NULL,
    message_id  uuid NOT NULL,
    from_status text NOT NULL,
    to_status   text NOT NULL,
    changed_at  timestamptz NOT NULL
);

CREATE INDEX event_listener ON courier.event (listener, seq);

-- Each node keeps its share of a rate by itself.
DROP TABLE courier.rate;

-- +goose Down

CREATE TABLE courier.rate (
    gateway    text COLLATE "C" PRIMARY KEY,
    granted    bigint NOT NULL,
    paid_until bigint NOT NULL
);

DROP TRIGGER IF EXISTS message_inserted ON courier.message;
DROP TRIGGER IF EXISTS message_changed ON courier.message;
DROP TABLE courier.event;
DROP TABLE courier.listener;

ALTER TABLE courier.message
    ADD COLUMN subject text,
    ADD COLUMN template_type text,
    ADD COLUMN template_data text,
    ADD COLUMN request_headers text,
    ADD COLUMN metadata text,
    ADD COLUMN encoding text,
    ADD COLUMN segments integer NOT NULL DEFAULT 0 CHECK (segments >= 0),
    ADD COLUMN trace_parent text,
    ADD COLUMN exact bytea;

UPDATE courier.message SET
    subject = content::json ->> 'subject', template_type = content::json ->> 'template_type',
    template_data = (content::json -> 'template_data')::text,
    request_headers = (content::json -> 'request_headers')::text, metadata = (content::json -> 'metadata')::text,
    encoding = content::json ->> 'encoding', segments = coalesce((content::json ->> 'segments')::integer, 0),
    trace_parent = content::json ->> 'trace_parent',
    -- The keys of callers were one's own, and would meet here.
    idempotency_key = CASE WHEN caller = '' THEN idempotency_key ELSE caller || ' ' || idempotency_key END;

DROP INDEX courier.message_idempotency_key;
ALTER TABLE courier.message DROP COLUMN content, DROP COLUMN caller;
CREATE UNIQUE INDEX message_idempotency_key ON courier.message (idempotency_key) WHERE idempotency_key IS NOT NULL;

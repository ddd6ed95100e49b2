-- The transactional outbox: an application stores a message in the transaction in
-- which it decides to send it. See docs/outbox.md.
CREATE OR REPLACE FUNCTION courier.enqueue(
    recipient       text,
    body            text,
    sender          text DEFAULT '',
    channel         text DEFAULT 'sms',
    gateway         text DEFAULT NULL,
    send_at         timestamptz DEFAULT NULL,
    expires_at      timestamptz DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    template_type   text DEFAULT NULL,
    template_data   jsonb DEFAULT NULL,
    metadata        jsonb DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql
-- Who may call it needs no right to the tables.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    present timestamptz := clock_timestamp();
    due     timestamptz := greatest(coalesce(enqueue.send_at, present), present);
    new_id  uuid;
    waits   text := enqueue.gateway;
    digest  bytea;
    -- As the courier does at accept: one-time codes go first, and end.
    code    boolean := coalesce(enqueue.template_type = 'otp'
        OR enqueue.template_type ~ '^(login|registration|verification|recovery)_code', false);
    minutes jsonb := enqueue.template_data -> 'expires_in_minutes';
    ends    timestamptz := enqueue.expires_at;
    first   record;
    -- What is NULL is left out here and not by jsonb_strip_nulls, which looks inside.
    document jsonb := CASE WHEN enqueue.template_type <> '' THEN jsonb_build_object('template_type', enqueue.template_type) ELSE '{}' END
        || CASE WHEN enqueue.template_data IS NULL THEN '{}' ELSE jsonb_build_object('template_data', enqueue.template_data) END
        || CASE WHEN enqueue.metadata IS NULL THEN '{}' ELSE jsonb_build_object('metadata', enqueue.metadata) END;
BEGIN
    IF enqueue.recipient IS NULL OR enqueue.recipient !~ '^\+[1-9][0-9]{1,14}$' THEN
        RAISE EXCEPTION 'recipient is not in E.164 form' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write + and the country code before the number, without spaces, such as +12065550199.';
    END IF;
    IF coalesce(enqueue.body, '') = '' THEN
        RAISE EXCEPTION 'body is empty' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give the text of the message.';
    END IF;
    IF enqueue.expires_at <= greatest(present, due) THEN
        RAISE EXCEPTION 'expires_at is not after the time to send' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give a later expires_at, or NULL for a message that does not expire.';
    END IF;
    IF greatest(due, coalesce(enqueue.expires_at, due)) > present + interval '366 days' THEN
        RAISE EXCEPTION 'send_at or expires_at is more than a year ahead' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give a nearer time, or NULL for now and for a message that does not expire.';
    END IF;
    IF jsonb_typeof(enqueue.template_data) <> 'object' OR jsonb_typeof(enqueue.metadata) <> 'object' THEN
        RAISE EXCEPTION 'template_data or metadata is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use jsonb_build_object(''name'', value).';
    END IF;

    IF code AND ends IS NULL THEN
        ends := due + interval '1 minute' * CASE
            WHEN jsonb_typeof(minutes) = 'number' AND minutes > '0' THEN least(minutes::numeric, 44640)::double precision
            ELSE 5
        END;
    END IF;

    -- A UUID version 7: 48 bits of milliseconds, then random ones.
    new_id := encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send(floor(extract(epoch FROM present) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid;
    IF waits IS NULL THEN
        SELECT n.gateways[1] INTO waits FROM courier.node AS n
        WHERE n.lapses_at > present ORDER BY n.seen_at DESC LIMIT 1;
    END IF;
    IF enqueue.idempotency_key <> '' THEN
        -- Without the times: a transaction that is repeated computes them anew.
        digest := sha256(convert_to(jsonb_build_array(enqueue.recipient, enqueue.body, enqueue.sender, enqueue.channel, enqueue.gateway,
            enqueue.template_type, enqueue.template_data, enqueue.metadata)::text, 'UTF8'));
    END IF;

    INSERT INTO courier.message (id, created_at, updated_at, next_attempt_at, expires_at, gateway, channel, recipient, sender,
        body, content, lane, idempotency_key, fingerprint)
    VALUES (new_id, present, present, due, ends, coalesce(waits, ''), coalesce(nullif(enqueue.channel, ''), 'sms'),
        enqueue.recipient, coalesce(enqueue.sender, ''), enqueue.body, document::text,
        CASE WHEN code THEN 'otp' ELSE 'normal' END, nullif(enqueue.idempotency_key, ''), digest)
    ON CONFLICT (caller, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING;
    IF NOT FOUND THEN
        SELECT m.id, m.fingerprint INTO first FROM courier.message AS m
        WHERE m.caller = '' AND m.idempotency_key = enqueue.idempotency_key;
        IF first.id IS NULL THEN
            RAISE EXCEPTION 'the message of this idempotency_key was stored meanwhile' USING ERRCODE = 'serialization_failure',
                HINT = 'Repeat the transaction.';
        ELSIF first.fingerprint IS DISTINCT FROM digest THEN
            RAISE EXCEPTION 'idempotency_key was used for a different message' USING ERRCODE = 'unique_violation',
                HINT = 'Use a key of its own for each message, and the same arguments when it is repeated.';
        END IF;
        RETURN first.id;
    END IF;

    INSERT INTO courier.tally (store, writer, queued, processing, unknown) VALUES (new_id, -1, 1, 0, 0);
    IF due <= present THEN
        PERFORM pg_notify('courier_wake', coalesce(waits, '') || E'\n\n' || CASE WHEN code THEN 'otp' ELSE 'normal' END);
    END IF;
    RETURN new_id;
END
$function$;
REVOKE ALL ON FUNCTION courier.enqueue(text, text, text, text, text, timestamptz, timestamptz, text, text, jsonb, jsonb) FROM PUBLIC;

-- Every statement of the engine, prepared when the store opens. A block begins
-- with "-- name:"; {message}, {last} and the like stand for the text of the blocks
-- of those names under "-- columns:". Every name is written with its schema, so
-- that no statement depends on the state of a connection.

-- columns: message
m.id, m.status, m.gateway, m.next_attempt_at, m.lease_node, m.lease_token, m.lease_until,
m.send_count, m.retry_count, m.last_error, m.updated_at, m.sent_at, m.expires_at, m.gateway_message_id,
m.accepted_http_status, m.accepted_started_at, m.accepted_duration, m.created_at, m.channel,
m.recipient, m.sender, m.body, m.content, m.caller, m.idempotency_key, m.fingerprint, m.scrubbed_at, m.failure,
m.lane, m.supersede_key, m.superseded_by

-- columns: attempt
number, gateway, outcome, class, code, message, http_status, excerpt,
gateway_message_id, retry_after, started_at, duration, warning

-- columns: last
a.number, a.gateway, a.outcome, a.class, a.code, a.message, a.http_status, a.excerpt,
a.gateway_message_id, a.retry_after, a.started_at, a.duration, a.warning

-- columns: receipt
gateway, gateway_message_id, status, class, code, message, at, received_at

-- columns: joined
LEFT JOIN courier.attempt AS a ON a.message_id = m.id AND a.number = m.last_error

-- columns: tally
INSERT INTO courier.tally AS t (store, writer, queued, processing, unknown)

-- columns: added
ON CONFLICT (store, writer) DO UPDATE SET changed_at = now(), queued = t.queued + excluded.queued,
    processing = t.processing + excluded.processing, unknown = t.unknown + excluded.unknown

-- columns: ended
'sent', 'delivered', 'undelivered', 'rejected', 'expired', 'abandoned', 'canceled'

-- columns: rare
'undelivered', 'rejected', 'expired', 'abandoned', 'canceled', 'unknown'

-- columns: inserted
INSERT INTO courier.message (
    id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until,
    updated_at, expires_at, created_at, channel,
    recipient, sender, body, content, caller, idempotency_key, fingerprint,
    lane, supersede_key
)
SELECT g.id, g.status, g.gateway, g.next_attempt_at, nullif(g.lease_node, ''), nullif(g.lease_token, 0), g.lease_until,
    g.updated_at, g.expires_at, g.created_at, g.channel,
    g.recipient, g.sender, g.body, g.content, g.caller, nullif(g.idempotency_key, ''), g.fingerprint,
    g.lane, nullif(g.supersede_key, '')
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::bigint[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::bytea[],
    $21::text[], $22::text[]) AS g (
    id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until,
    updated_at, expires_at, created_at, channel,
    recipient, sender, body, content, caller, idempotency_key, fingerprint,
    lane, supersede_key)

-- name: InsertMessage
WITH stored AS (
    {inserted}
    RETURNING id, status
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'processing'), 0
    FROM stored
    {added}
)
SELECT id FROM stored

-- The same where messages have keys: one whose key is known is passed over.
-- name: InsertKeyed
WITH stored AS (
    {inserted}
    ON CONFLICT (caller, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id, status
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'processing'), 0
    FROM stored
    HAVING count(*) > 0
    {added}
)
SELECT id FROM stored

-- Transactions that store messages with one key follow each other.
-- name: LockKeys
SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS g (key)

-- The messages of whose keys new ones are stored: those that are not final, and those
-- that one may repeat. A key of the courier's own, which begins with ~, is one of a
-- recipient, and so needs no index. The order names the recipient, or else a plan may go
-- through all messages from the newest on.
-- name: PlacesOf
SELECT f.id FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS g (caller, key, recipient, since)
CROSS JOIN LATERAL (
    SELECT n.id, n.status, n.created_at FROM courier.message AS n
    WHERE n.recipient = g.recipient AND n.supersede_key = g.key AND n.caller = g.caller
    ORDER BY n.recipient DESC, n.id DESC
    LIMIT 50
) AS f
WHERE f.status IN ('queued', 'processing') OR f.created_at > g.since
UNION
SELECT m.id FROM courier.message AS m
WHERE m.supersede_key = ANY ($5::text[]) AND m.supersede_key < '~' AND m.status IN ('queued', 'processing')

-- New messages take the places of stored ones.
-- name: TakePlaces
WITH taken AS (
    UPDATE courier.message AS m
    SET superseded_by = g.by, status = CASE m.status WHEN 'queued' THEN 'canceled' ELSE m.status END,
        next_attempt_at = CASE m.status WHEN 'queued' THEN NULL ELSE m.next_attempt_at END,
        updated_at = CASE m.status WHEN 'queued' THEN g.at ELSE m.updated_at END
    FROM unnest($3::uuid[], $4::uuid[], $5::timestamptz[]) AS g (id, by, at)
    WHERE m.id = g.id AND m.status IN ('queued', 'processing')
    RETURNING m.status
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, -count(*), 0, 0
    FROM taken
    WHERE status = 'canceled'
    HAVING count(*) > 0
    {added}
)
SELECT count(*) FROM taken

-- What is special about messages that were stored with a key.
-- name: NotePlaces
UPDATE courier.message AS m SET superseded_by = g.by, held_due_at = g.due
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS g (id, by, due)
WHERE m.id = g.id

-- The newer messages that wait for some whose attempts are over are due, if they wait for
-- no other. One that somebody else holds is being claimed, or loses its own place.
-- name: ReleaseHeld
WITH held AS (
    SELECT n.id FROM courier.message AS n
    WHERE n.id = ANY ($1::uuid[]) AND n.status = 'queued' AND n.held_due_at IS NOT NULL AND n.send_count = 0 AND NOT EXISTS (
        SELECT FROM courier.message AS o
        WHERE o.status = 'processing' AND o.supersede_key = n.supersede_key AND o.caller = n.caller)
    FOR UPDATE SKIP LOCKED
)
UPDATE courier.message AS m SET next_attempt_at = greatest(m.held_due_at, $2), held_due_at = NULL
WHERE m.id = ANY (ARRAY(SELECT id FROM held))
RETURNING m.gateway, m.lane

-- Another message that has the id was made at another time.
-- name: StoredIDs
SELECT m.id FROM unnest($1::uuid[], $2::timestamptz[]) AS g (id, created_at)
JOIN courier.message AS m ON m.id = g.id AND m.created_at = g.created_at

-- The inner limit is a number, as a plan is made before the outer is known, and
-- what is found is an array, of which a plan expects few: both keep plans on the
-- indexes, whatever the statistics of the table say.
-- name: ClaimMessages
WITH due AS (
    SELECT id FROM (
        SELECT id FROM courier.message
        WHERE status = 'queued' AND gateway = $3 AND lane = $10 AND next_attempt_at BETWEEN $9 AND $4
        ORDER BY next_attempt_at, id
        LIMIT {most}
        FOR UPDATE SKIP LOCKED
    ) AS first
    LIMIT $5
), m AS (
    UPDATE courier.message AS m
    SET status = 'processing', lease_node = $6, lease_token = $7, lease_until = $8, updated_at = $4
    WHERE m.id = ANY (ARRAY(SELECT id FROM due))
    RETURNING {message}
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, -count(*), count(*), 0
    FROM m
    HAVING count(*) > 0
    {added}
)
SELECT {message}, {last} FROM m {joined}

-- Gives back the leases of a claim or an enqueue whose answer was lost.
-- name: ReturnLeases
WITH returned AS (
    UPDATE courier.message
    SET status = CASE WHEN superseded_by IS NULL THEN 'queued' ELSE 'canceled' END,
        next_attempt_at = CASE WHEN superseded_by IS NULL THEN next_attempt_at END,
        lease_node = NULL, lease_token = NULL, lease_until = NULL, updated_at = $5
    WHERE status = 'processing' AND lease_node = $3 AND lease_token = ANY ($4::bigint[])
    RETURNING id, status
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, count(*) FILTER (WHERE status = 'queued'), -count(*), 0
    FROM returned
    HAVING count(*) > 0
    {added}
)
SELECT count(*) FROM returned

-- The common end of a message: accepted, and nothing more to say about it. A
-- token says that the message is processing.
-- name: SettleSent
WITH settled AS (
    UPDATE courier.message AS m
    SET status = 'sent', next_attempt_at = NULL, lease_node = NULL, lease_token = NULL, lease_until = NULL,
        settled_token = g.token, retry_count = g.retry_count, updated_at = g.at, sent_at = g.at, last_error = NULL, failure = NULL,
        send_count = greatest(m.send_count + 1, g.number), gateway = g.gateway,
        gateway_message_id = nullif(g.gateway_message_id, ''), accepted_http_status = g.http_status,
        accepted_started_at = g.started_at, accepted_duration = g.duration,
        gateway_key = CASE WHEN g.low >= 0 THEN ($14::bigint << 40) | g.low END
    FROM unnest($3::uuid[], $4::bigint[], $5::integer[], $6::timestamptz[], $7::integer[], $8::text[], $9::text[],
        $10::integer[], $11::timestamptz[], $12::bigint[], $13::bigint[]) WITH ORDINALITY AS g (
        id, token, retry_count, at, number, gateway, gateway_message_id, http_status, started_at, duration, low, place)
    WHERE m.id = g.id AND m.lease_token = g.token
    RETURNING g.place, m.superseded_by
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, 0, -count(*), 0
    FROM settled
    HAVING count(*) > 0
    {added}
)
SELECT place::integer, superseded_by FROM settled

-- A message whose place was taken while it was in flight is not sent again.

-- columns: ends
m.superseded_by IS NOT NULL AND g.status IN ('queued', 'unknown')

-- Every other settlement. The outcome is empty where no attempt was made.
-- name: SettleMessage
WITH given AS (
    SELECT * FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::integer[], $7::timestamptz[], $8::timestamptz[], $9::text[],
        $10::timestamptz[], $11::integer[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
        $17::integer[], $18::text[], $19::text[], $20::bigint[], $21::timestamptz[], $22::bigint[], $23::text[], $24::bigint[]) WITH ORDINALITY AS g (
        id, token, status, retry_count, at, next_attempt_at, gateway, sent_at, number,
        attempt_gateway, outcome, class, code, message, http_status, excerpt, gateway_message_id,
        retry_after, started_at, duration, warning, low, place)
), settled AS (
    UPDATE courier.message AS m
    SET status = CASE WHEN {ends} THEN 'canceled' ELSE g.status END,
        lease_node = NULL, lease_token = NULL, lease_until = NULL, settled_token = g.token,
        retry_count = g.retry_count, updated_at = g.at, next_attempt_at = CASE WHEN {ends} THEN NULL ELSE g.next_attempt_at END,
        gateway = CASE WHEN g.gateway = '' OR {ends} THEN m.gateway ELSE g.gateway END, sent_at = g.sent_at,
        send_count = CASE WHEN g.outcome = '' THEN m.send_count ELSE greatest(m.send_count + 1, g.number) END,
        last_error = CASE
            WHEN g.outcome = '' THEN m.last_error
            WHEN g.outcome <> 'accepted' THEN greatest(m.send_count + 1, g.number)
        END,
        failure = CASE WHEN g.outcome = '' THEN m.failure END,
        gateway_message_id = CASE WHEN g.outcome = 'accepted' THEN nullif(g.gateway_message_id, '') END,
        gateway_key = CASE WHEN g.low >= 0 THEN ($27::bigint << 40) | g.low END
    FROM given AS g
    WHERE m.id = g.id AND m.lease_token = g.token
    RETURNING m.id, m.send_count, m.status, m.superseded_by, g.place
), kept AS (
    INSERT INTO courier.attempt (message_id, {attempt})
    SELECT s.id, s.send_count, g.attempt_gateway, g.outcome, nullif(g.class, ''), nullif(g.code, ''), nullif(g.message, ''),
        g.http_status, nullif(g.excerpt, ''), nullif(g.gateway_message_id, ''), g.retry_after, g.started_at, g.duration, nullif(g.warning, '')
    FROM settled AS s JOIN given AS g ON g.place = s.place
    WHERE g.outcome <> ''
), parts AS (
    INSERT INTO courier.part (message_id, number, position, gateway, gateway_message_id)
    SELECT s.id, s.send_count, p.position, g.attempt_gateway, p.gateway_message_id
    FROM unnest($25::integer[], $26::text[]) WITH ORDINALITY AS p (place, gateway_message_id, position)
    JOIN settled AS s ON s.place = p.place
    JOIN given AS g ON g.place = p.place
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, count(*) FILTER (WHERE status = 'queued'), -count(*), count(*) FILTER (WHERE status = 'unknown')
    FROM settled
    HAVING count(*) > 0
    {added}
)
SELECT place::integer, superseded_by FROM settled

-- Which settlements were made already, by a try whose answer was lost.
-- name: SettledBefore
SELECT g.place::integer, m.superseded_by
FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS g (id, token, place)
JOIN courier.message AS m ON m.id = g.id AND m.settled_token = g.token

-- The attempt began when the message was claimed. A node is dead when its last
-- beat has lapsed, or it never beat, by the clock of the database.
-- name: ReclaimMessages
WITH lost AS (
    SELECT m.id, m.send_count + 1 AS number, m.gateway, m.updated_at FROM courier.message AS m
    WHERE m.status = 'processing' AND (m.lease_until <= $5 OR (m.lease_node <> $3 AND NOT EXISTS (
        SELECT 1 FROM courier.node AS n WHERE n.name = m.lease_node AND n.lapses_at > clock_timestamp())))
        AND (cardinality($10::text[]) = 0 OR (m.gateway = ANY ($10)) <> $11)
    LIMIT $8
    FOR UPDATE OF m SKIP LOCKED
), taken AS (
    UPDATE courier.message AS m
    SET status = CASE WHEN m.superseded_by IS NULL THEN $6 ELSE 'canceled' END,
        next_attempt_at = CASE WHEN m.superseded_by IS NULL THEN $7::timestamptz END,
        lease_node = NULL, lease_token = NULL, lease_until = NULL,
        send_count = lost.number, last_error = lost.number, failure = NULL, updated_at = $4
    FROM lost
    WHERE m.id = lost.id
    RETURNING m.id, m.status
), kept AS (
    INSERT INTO courier.attempt (message_id, {attempt})
    SELECT id, number, gateway, 'unknown', 'outcome_unknown', NULL, $9, 0, NULL, NULL, 0, updated_at, 0, NULL
    FROM lost
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, count(*) FILTER (WHERE status = 'queued'), -count(*), count(*) FILTER (WHERE status = 'unknown')
    FROM taken
    HAVING count(*) > 0
    {added}
)
SELECT id FROM taken

-- name: ExpireMessages
WITH due AS (
    SELECT id FROM courier.message
    WHERE status = 'queued' AND expires_at IS NOT NULL AND expires_at <= $3
    ORDER BY expires_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE courier.message AS m
    SET status = 'expired', next_attempt_at = NULL, updated_at = $3
    WHERE m.id = ANY (ARRAY(SELECT id FROM due))
    RETURNING m.gateway
), counted AS (
    {tally}
    SELECT $1::uuid, $2::integer, -count(*), 0, 0
    FROM expired
    HAVING count(*) > 0
    {added}
)
SELECT gateway, count(*) FROM expired GROUP BY gateway

-- A scrub reads documents, and writes what is left of them. The order names the
-- column that is NULL too, or else a plan sorts all that is old for each batch.
-- name: OldContents
SELECT id, content FROM courier.message
WHERE status IN ({ended}) AND scrubbed_at IS NULL AND updated_at < $1
ORDER BY scrubbed_at, updated_at
LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: ScrubMessages
UPDATE courier.message AS m SET scrubbed_at = $1, body = '', content = g.content
FROM unnest($2::uuid[], $3::text[]) AS g (id, content)
WHERE m.id = g.id

-- name: PurgeMessages
WITH old AS (
    SELECT id FROM courier.message
    WHERE status IN ({ended}) AND scrubbed_at IS NULL AND updated_at < $1
    ORDER BY scrubbed_at, updated_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), purged AS (
    DELETE FROM courier.message AS m WHERE m.id = ANY (ARRAY(SELECT id FROM old)) RETURNING m.id
), told AS (
    DELETE FROM courier.notice AS n WHERE n.message_id = ANY (ARRAY(SELECT id FROM old))
)
SELECT count(*) FROM purged

-- name: PurgeScrubbed
WITH old AS (
    SELECT id FROM courier.message
    WHERE status IN ({ended}) AND scrubbed_at < $1
    ORDER BY scrubbed_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), purged AS (
    DELETE FROM courier.message AS m WHERE m.id = ANY (ARRAY(SELECT id FROM old)) RETURNING m.id
), told AS (
    DELETE FROM courier.notice AS n WHERE n.message_id = ANY (ARRAY(SELECT id FROM old))
)
SELECT count(*) FROM purged

-- name: RerouteMessages
WITH stranded AS (
    SELECT id FROM courier.message
    WHERE status = 'queued' AND gateway = $1 AND lane = $5
    ORDER BY next_attempt_at, id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE courier.message AS m
    SET gateway = $2, updated_at = $3
    WHERE m.id = ANY (ARRAY(SELECT id FROM stranded))
    RETURNING m.id
)
SELECT count(*) FROM moved

-- name: LockMessage
SELECT {message}, {last} FROM courier.message AS m {joined} WHERE m.id = $1 FOR UPDATE OF m

-- name: AddTally
{tally} VALUES ($1, $2, $3, $4, $5) {added}

-- An accepted attempt becomes a row of its own before its message is queued again.
-- name: KeepAccepted
INSERT INTO courier.attempt (message_id, {attempt})
SELECT id, send_count, gateway, 'accepted', NULL, NULL, NULL, accepted_http_status, NULL,
    gateway_message_id, 0, accepted_started_at, accepted_duration, NULL
FROM courier.message
WHERE id = $1 AND accepted_http_status IS NOT NULL

-- The gateway's id of it is found by receipts that come later.
-- name: KeepID
INSERT INTO courier.part (message_id, number, position, gateway, gateway_message_id)
SELECT id, send_count, 1, gateway, left(gateway_message_id, 250) FROM courier.message
WHERE id = $1 AND gateway_message_id IS NOT NULL
ON CONFLICT DO NOTHING

-- What was decided about one message, by hand.
-- name: DecideMessage
UPDATE courier.message
SET status = $3, gateway = $4, next_attempt_at = $5, updated_at = $6, retry_count = $7, expires_at = $8,
    sent_at = $9, gateway_message_id = nullif($10, ''), gateway_key = CASE WHEN $10 <> '' THEN gateway_key END,
    superseded_by = $11,
    accepted_http_status = NULL, accepted_started_at = NULL, accepted_duration = NULL
WHERE id = $1 AND status = $2

-- name: WriteProbe
INSERT INTO courier.probe (id, checked_at) VALUES (1, $1)
ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at

-- A message comes once for each of its attempts, in their order, and once when it has none.
-- name: Message
SELECT {message}, {last} FROM courier.message AS m
LEFT JOIN courier.attempt AS a ON a.message_id = m.id
WHERE m.id = $1
ORDER BY a.number

-- name: MessageByKey
SELECT {message}, {last} FROM unnest($1::text[], $2::text[]) AS g (caller, idempotency_key)
JOIN courier.message AS m ON m.caller = g.caller AND m.idempotency_key = g.idempotency_key
{joined}

-- The OFFSET of a subquery, here and below, keeps a plan from reading the whole table: it may
-- be made while that has few rows, and kept when there are many.
-- name: Parts
SELECT p.message_id, p.number, p.gateway_message_id FROM unnest($1::uuid[]) AS g (id)
CROSS JOIN LATERAL (SELECT * FROM courier.part AS p WHERE p.message_id = g.id OFFSET 0) AS p
ORDER BY p.message_id, p.number, p.position

-- name: Attempts
SELECT message_id, {attempt} FROM unnest($1::uuid[]) AS g (id)
CROSS JOIN LATERAL (SELECT * FROM courier.attempt AS a WHERE a.message_id = g.id OFFSET 0) AS a
ORDER BY message_id, number

-- name: Receipts
SELECT message_id, {receipt} FROM unnest($1::uuid[]) AS g (id)
CROSS JOIN LATERAL (SELECT * FROM courier.receipt AS r WHERE r.message_id = g.id OFFSET 0) AS r
ORDER BY message_id, number

-- name: NextSegment
SELECT nextval('courier.gateway_key_segment')

-- The message of each receipt: the newest that its gateway named so, as some count from
-- 1 after each start, or else the one that it names. Names are looked for in one segment
-- of keys after the other, the newest first. A gateway that gives all the same name costs
-- no more than a few rows.
-- name: MessagesOfReceipts
WITH span AS (
    SELECT coalesce((SELECT min(gateway_key) FROM courier.message WHERE gateway_key IS NOT NULL) >> 40, 1) AS oldest,
        coalesce((SELECT max(gateway_key) FROM courier.message WHERE gateway_key IS NOT NULL) >> 40, 0) AS newest
)
SELECT g.place::integer, coalesce((
    SELECT f.id
    FROM generate_series(span.newest, span.oldest, -1) AS s (segment)
    CROSS JOIN LATERAL (
        SELECT n.id FROM (
            SELECT m.id, m.created_at FROM courier.message AS m
            WHERE m.gateway_key = (s.segment << 40) | g.low AND m.gateway_message_id = g.gateway_message_id AND m.gateway = g.gateway
            LIMIT 50
        ) AS n
        ORDER BY n.created_at DESC, n.id DESC
        LIMIT 1
    ) AS f
    LIMIT 1
), (
    SELECT f.message_id FROM (
        SELECT p.message_id FROM courier.part AS p
        WHERE p.gateway_message_id = g.gateway_message_id AND p.gateway = g.gateway
        LIMIT 50
    ) AS f
    ORDER BY f.message_id DESC
    LIMIT 1
), g.message_id)
FROM span
CROSS JOIN unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) WITH ORDINALITY AS g (gateway, gateway_message_id, message_id, low, place)

-- In the order of the ids that are given, which are sorted, so that two wait for each other
-- at most one way.
-- name: LockMessages
SELECT {message}, {last} FROM unnest($1::uuid[]) AS g (id)
CROSS JOIN LATERAL (SELECT * FROM courier.message AS m WHERE m.id = g.id FOR UPDATE) AS m
LEFT JOIN LATERAL (SELECT * FROM courier.attempt AS a WHERE a.message_id = m.id AND a.number = m.last_error OFFSET 0) AS a ON true

-- name: InsertReceipt
INSERT INTO courier.receipt (message_id, number, {receipt})
SELECT g.message_id, g.number, g.gateway, g.gateway_message_id, g.status, nullif(g.class, ''), nullif(g.code, ''), nullif(g.message, ''), g.at, g.received_at
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[])
    AS g (message_id, number, gateway, gateway_message_id, status, class, code, message, at, received_at)

-- What receipts made of messages.
-- name: ApplyReceipts
UPDATE courier.message AS m
SET status = g.status, next_attempt_at = NULL, updated_at = g.updated_at, sent_at = g.sent_at, gateway = g.gateway,
    gateway_message_id = nullif(g.gateway_message_id, ''), gateway_key = coalesce(nullif(g.gateway_key, 0), m.gateway_key),
    last_error = NULL, failure = nullif(g.failure, '')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::bigint[])
    AS g (id, status_before, status, updated_at, sent_at, gateway, gateway_message_id, failure, gateway_key)
WHERE m.id = g.id AND m.status = g.status_before

-- They are numbered in the order in which they came, and written in that of their names,
-- so that two nodes wait for each other at most one way. One that is known takes no
-- number: the numbers tell how many there are.
-- name: InsertParked
WITH fresh AS MATERIALIZED (
    SELECT nextval('courier.parked_seq_seq') AS seq, g.* FROM (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
            WITH ORDINALITY AS g (message_id, gateway, gateway_message_id, status, class, code, message, at, received_at, place)
        WHERE NOT EXISTS (
            SELECT FROM courier.parked AS p
            WHERE p.gateway_message_id = g.gateway_message_id AND p.message_id = g.message_id AND p.gateway = g.gateway AND p.status = g.status)
        ORDER BY place
    ) AS g
)
INSERT INTO courier.parked (seq, message_id, {receipt}) OVERRIDING SYSTEM VALUE
SELECT seq, message_id, gateway, gateway_message_id, status, nullif(class, ''), nullif(code, ''), nullif(message, ''), at, received_at
FROM fresh
ORDER BY gateway_message_id, message_id, gateway, status
ON CONFLICT DO NOTHING

-- name: DeleteParked
DELETE FROM courier.parked WHERE seq = ANY ($1::bigint[])

-- name: ForgetParked
DELETE FROM courier.parked WHERE received_at <= $1

-- name: BoundParked
DELETE FROM courier.parked WHERE seq <= (SELECT max(seq) FROM courier.parked) - $1::bigint

-- name: AnyParked
SELECT EXISTS (SELECT FROM courier.parked)

-- What may belong to messages whose outcome is written: $1 are their ids and $2 those
-- that gateways gave.
-- name: ParkedOf
SELECT seq, message_id, {receipt} FROM courier.parked
WHERE message_id = ANY ($1::uuid[]) AND message_id <> '00000000-0000-0000-0000-000000000000'
UNION ALL
SELECT seq, message_id, {receipt} FROM courier.parked
WHERE gateway_message_id = ANY ($2::text[])

-- What was parked in the last so many seconds, or in as many ten seconds ago: some may
-- belong to a message after all, as the outcome of its attempt was written in a
-- transaction at the same time. None lasts longer than ten seconds.
-- name: ParkedSince
SELECT seq, message_id, {receipt} FROM courier.parked
WHERE seq > $2 AND (parked_at > clock_timestamp() - $1::bigint * interval '1 second'
    OR parked_at <= clock_timestamp() - interval '10 seconds'
        AND parked_at > clock_timestamp() - $1::bigint * interval '1 second' - interval '10 seconds')
ORDER BY seq
LIMIT $3

-- name: AddMinute
INSERT INTO courier.gateway_minute AS m (minute, gateway, country, accepted, delivered, undelivered, slow)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
ON CONFLICT (minute, gateway, country) DO UPDATE SET accepted = m.accepted + excluded.accepted,
    delivered = m.delivered + excluded.delivered, undelivered = m.undelivered + excluded.undelivered, slow = m.slow + excluded.slow

-- name: DeleteMinutes
DELETE FROM courier.gateway_minute WHERE minute < $1

-- name: Minutes
SELECT minute, gateway, country, accepted, delivered, undelivered, slow FROM courier.gateway_minute
WHERE minute >= $1
ORDER BY minute, gateway, country

-- name: MinutesOfCountries
SELECT gateway, country, sum(accepted)::bigint, sum(delivered)::bigint, sum(undelivered)::bigint, sum(slow)::bigint FROM courier.gateway_minute
WHERE minute >= $1
GROUP BY gateway, country
ORDER BY gateway, country

-- Adds up tallies that are older than $1 over ten minutes. What another node adds up at the
-- same time is gone.
-- name: FoldMinutes
WITH old AS (
    DELETE FROM courier.gateway_minute
    WHERE minute < $1 AND minute <> date_bin($2::bigint * interval '1 microsecond', minute, 'epoch')
    RETURNING *
)
INSERT INTO courier.gateway_minute AS m (minute, gateway, country, accepted, delivered, undelivered, slow)
SELECT date_bin($2::bigint * interval '1 microsecond', minute, 'epoch'), gateway, country, sum(accepted), sum(delivered), sum(undelivered), sum(slow)
FROM old
GROUP BY 1, 2, 3
ON CONFLICT (minute, gateway, country) DO UPDATE SET accepted = m.accepted + excluded.accepted,
    delivered = m.delivered + excluded.delivered, undelivered = m.undelivered + excluded.undelivered, slow = m.slow + excluded.slow

-- columns: summed
ON CONFLICT (at, gateway) DO UPDATE SET counts = ARRAY(
    SELECT coalesce(u.a, 0) + coalesce(u.b, 0) FROM unnest(s.counts, excluded.counts) WITH ORDINALITY AS u (a, b, n) ORDER BY u.n
)

-- The counts are those of one row after the other, $4 of each.
-- name: AddPoint
INSERT INTO courier.series AS s (at, gateway, counts)
SELECT p.at, p.gateway, ($3::bigint[])[(p.n - 1) * $4::bigint + 1 : p.n * $4::bigint]
FROM unnest($1::timestamptz[], $2::text[]) WITH ORDINALITY AS p (at, gateway, n)
{summed}

-- name: DeletePoints
DELETE FROM courier.series WHERE at < $1

-- name: FoldPoints
WITH old AS (
    DELETE FROM courier.series WHERE at < $1 AND at <> date_bin($2::bigint * interval '1 microsecond', at, 'epoch')
    RETURNING *
), single AS (
    SELECT date_bin($2::bigint * interval '1 microsecond', old.at, 'epoch') AS at, old.gateway, u.n, sum(u.count)::bigint AS count
    FROM old CROSS JOIN LATERAL unnest(old.counts) WITH ORDINALITY AS u (count, n)
    GROUP BY 1, 2, 3
)
INSERT INTO courier.series AS s (at, gateway, counts)
SELECT at, gateway, array_agg(count ORDER BY n) FROM single GROUP BY 1, 2
{summed}

-- name: Points
SELECT at, gateway, counts FROM courier.series WHERE at >= $1 AND at < $2 ORDER BY at, gateway

-- name: AddFault
INSERT INTO courier.fault AS f (at, gateway, class, count)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::bigint[])
ON CONFLICT (at, gateway, class) DO UPDATE SET count = f.count + excluded.count

-- name: DeleteFaults
DELETE FROM courier.fault WHERE at < $1

-- name: Faults
SELECT at, gateway, class, count FROM courier.fault WHERE at >= $1 ORDER BY at, gateway, class

-- name: DeleteWeights
DELETE FROM courier.route_weight WHERE route = $1 AND gateway = $2 AND changed_at < $3

-- name: InsertWeight
INSERT INTO courier.route_weight (route, gateway, weight, reason, changed_at) VALUES ($1, $2, $3, $4, $5)

-- name: Weights
SELECT DISTINCT ON (route, gateway) route, gateway, weight, reason, changed_at FROM courier.route_weight
ORDER BY route, gateway, seq DESC

-- name: WeightHistory
SELECT route, gateway, weight, reason, changed_at FROM courier.route_weight
WHERE route = $1
ORDER BY seq DESC
LIMIT $2

-- A page of the queue after the message $3, which is due at $2.
-- name: Waiting
SELECT {message}, {last} FROM courier.message AS m {joined}
WHERE m.status = 'queued' AND m.gateway = $1 AND m.lane = $5 AND (m.next_attempt_at, m.id) > ($2, $3)
ORDER BY m.next_attempt_at, m.id
LIMIT $4

-- name: MoveMessage
WITH moved AS (
    UPDATE courier.message AS m
    SET gateway = g.gateway, updated_at = $4
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS g (id, gateway_before, gateway)
    WHERE m.id = g.id AND m.status = 'queued' AND m.gateway = g.gateway_before
    RETURNING m.id
)
SELECT count(*) FROM moved

-- name: NextDue
SELECT next_attempt_at FROM courier.message
WHERE status = 'queued' AND gateway = $1 AND lane = $2
ORDER BY next_attempt_at, id
LIMIT 1

-- The gateways and lanes in which messages wait, with the time of the first. What was taken
-- leaves entries before the first that a scan steps over until they are vacuumed, a million
-- after a flood: each is passed once.
-- name: WaitingQueues
WITH RECURSIVE waiting (gateway, lane, due) AS (
    SELECT * FROM (
        SELECT gateway, lane, next_attempt_at FROM courier.message
        WHERE status = 'queued' ORDER BY gateway, lane, next_attempt_at, id LIMIT 1
    ) AS first
    UNION ALL
    SELECT next.* FROM waiting
    CROSS JOIN LATERAL (
        SELECT m.gateway, m.lane, m.next_attempt_at FROM courier.message AS m
        WHERE m.status = 'queued' AND (m.gateway, m.lane) > (waiting.gateway, waiting.lane)
        ORDER BY m.gateway, m.lane, m.next_attempt_at, m.id
        LIMIT 1
    ) AS next
)
SELECT gateway, lane, due FROM waiting

-- Counts those that wait, from the first one on. It is a statement of its own, as
-- together with the one above it looks so dear that it is compiled (JIT), which takes a
-- tenth of a second.
-- name: CountWaiting
SELECT count(*)::integer FROM (
    SELECT FROM courier.message
    WHERE status = 'queued' AND gateway = $1 AND lane = $2 AND next_attempt_at >= $3
    ORDER BY next_attempt_at, id
    LIMIT $4
) AS counted

-- name: ReadTally
SELECT coalesce(sum(queued), 0)::bigint, coalesce(sum(processing), 0)::bigint, coalesce(sum(unknown), 0)::bigint
FROM courier.tally

-- Adds rows of those that are gone to the row 0, $1 at most, as SQL may have stored
-- millions of messages while no courier ran. One that is used after all is made anew.
-- name: FoldTally
WITH idle AS (
    SELECT store, writer FROM courier.tally
    WHERE writer < 0 OR (
        changed_at < now() - interval '10 minutes' AND store <> '00000000-0000-0000-0000-000000000000')
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM courier.tally AS t USING idle
    WHERE t.store = idle.store AND t.writer = idle.writer
    RETURNING t.queued, t.processing, t.unknown
)
{tally}
SELECT '00000000-0000-0000-0000-000000000000', 0, sum(queued), sum(processing), sum(unknown) FROM gone HAVING count(*) > 0
{added}

-- The pages of a listing: below $1, not below $2, at most $3. A statement named
-- Floor… finds the $2 that leaves a bounded number of rows to examine.

-- columns: listed
m.id < $1 AND m.id >= $2 AND ($4 = '' OR m.status = $4) AND ($5 = '' OR m.gateway = $5) AND ($6 = '' OR m.recipient = $6)
    AND ($7 = '' OR strpos(m.content, $7) > 0 OR strpos(m.content, $8) > 0) AND ($9 = '' OR strpos(m.content, $9) > 0 OR strpos(m.content, $10) > 0)
    AND ($11 = '' OR CASE WHEN m.status = 'canceled' AND m.superseded_by IS NOT NULL AND m.sent_at IS NULL THEN $12 = 'superseded'
        ELSE strpos(m.failure, $11) > 0 OR EXISTS (
            SELECT FROM courier.attempt AS f WHERE f.message_id = m.id AND f.number = m.last_error AND f.class = $12
        ) END)
ORDER BY m.id DESC
LIMIT $3

-- name: ListAll
SELECT {message}, {last} FROM courier.message AS m {joined} WHERE {listed}

-- name: FloorAll
SELECT id FROM courier.message WHERE id < $1 AND $3 = '' ORDER BY id DESC LIMIT 1 OFFSET $2

-- name: ListByRecipient
SELECT {message}, {last} FROM courier.message AS m {joined} WHERE m.recipient = $6 AND {listed}

-- name: FloorByRecipient
SELECT id FROM courier.message WHERE recipient = $3 AND id < $1 ORDER BY recipient, id DESC LIMIT 1 OFFSET $2

-- name: ListRare
SELECT {message}, {last} FROM courier.message AS m {joined} WHERE m.status = $4 AND m.status IN ({rare}) AND {listed}

-- name: FloorRare
SELECT id FROM courier.message
WHERE status = $3 AND status IN ({rare}) AND id < $1
ORDER BY id DESC
LIMIT 1 OFFSET $2

-- These two sort all that they find, so they serve only while that is little.
-- name: ListQueued
SELECT {message}, {last} FROM courier.message AS m {joined} WHERE m.status = 'queued' AND {listed}

-- name: ListProcessing
SELECT {message}, {last} FROM courier.message AS m {joined} WHERE m.status = 'processing' AND {listed}

-- name: Clock
SELECT clock_timestamp()

-- Tells all that listen of gateways, each followed by a line with the store that tells,
-- and one with the lane.
-- name: Notify
SELECT pg_notify('courier_wake', gateway || $3 || lane) FROM unnest($1::text[], $2::text[]) AS g (gateway, lane)

-- A node's sign of life, and who does the housekeeping: the node that did, or the
-- first to beat after its time ran out. One that cannot ($8) ends its time at once.
-- The rows of others that are alive follow, and one without a name that has the gateways
-- that are paused.
-- name: Beat
WITH clock AS (
    SELECT clock_timestamp() AS now
), beat AS (
    INSERT INTO courier.node AS n (name, host, version, started_at, seen_at, lapses_at, in_flight, gateways, state)
    SELECT $1, $2, $3, $4, now, now + $5 * interval '1 microsecond', $6, $7, $9 FROM clock
    ON CONFLICT (name) DO UPDATE SET host = excluded.host, version = excluded.version, started_at = excluded.started_at,
        seen_at = excluded.seen_at, lapses_at = excluded.lapses_at, in_flight = excluded.in_flight, gateways = excluded.gateways,
        state = excluded.state
), kept AS (
    INSERT INTO courier.duty AS d (name, holder, until)
    SELECT 'housekeeping', $1, CASE WHEN $8 THEN now ELSE now + $5 * interval '1 microsecond' END FROM clock
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE d.holder = excluded.holder OR d.until <= clock_timestamp()
    RETURNING holder
)
SELECT $1::text AS name, NOT $8::boolean AND EXISTS (SELECT 1 FROM kept) AS keeper, $7::text[] AS gateways
UNION ALL
SELECT n.name, false, n.gateways FROM courier.node AS n, clock WHERE n.lapses_at > clock.now AND n.name <> $1
UNION ALL
SELECT NULL, false, ARRAY(SELECT gateway FROM courier.gateway_pause ORDER BY gateway)

-- name: Leave
WITH gone AS (
    DELETE FROM courier.node WHERE name = $1
)
DELETE FROM courier.duty WHERE holder = $1

-- name: Nodes
SELECT n.name, n.host, n.version, n.started_at, n.seen_at, n.lapses_at > clock_timestamp(),
    coalesce(d.until > clock_timestamp(), false), n.in_flight, n.gateways, n.state
FROM courier.node AS n
LEFT JOIN courier.duty AS d ON d.name = 'housekeeping' AND d.holder = n.name
WHERE n.lapses_at > clock_timestamp() - interval '1 day'
ORDER BY n.name

-- The tables that have twice the pages which plans are made for, but for the large: what is
-- true of those is no news. Others than its owner cannot analyze a table.
-- name: GrownTables
SELECT c.relname FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'courier') AND c.relkind = 'r'
    AND c.relpages < 4096 AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
    AND pg_catalog.pg_relation_size(c.oid) > 2 * greatest(c.relpages, 8) * pg_catalog.current_setting('block_size')::bigint

-- name: ForgetNodes
DELETE FROM courier.node WHERE lapses_at <= clock_timestamp() - interval '1 day'

-- name: SetPause
INSERT INTO courier.gateway_pause (gateway, reason, who, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (gateway) DO UPDATE SET reason = excluded.reason, who = excluded.who, at = excluded.at

-- name: DeletePause
WITH gone AS (
    DELETE FROM courier.gateway_pause WHERE gateway = $1 RETURNING gateway
)
SELECT count(*) FROM gone

-- name: Pauses
SELECT gateway, reason, who, at FROM courier.gateway_pause ORDER BY gateway

-- columns: entry
seq, at, who, action, target, reason, detail

-- name: InsertEntry
INSERT INTO courier.audit (at, who, action, target, reason, detail) VALUES ($1, $2, $3, $4, $5, $6)

-- name: ForgetEntries
DELETE FROM courier.audit WHERE seq IN (SELECT seq FROM courier.audit ORDER BY seq LIMIT 10) AND at < $1

-- name: Entries
SELECT {entry} FROM courier.audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2::bigint

-- name: EntriesOfAction
SELECT {entry} FROM courier.audit WHERE seq < $1 AND action = $3 ORDER BY seq DESC LIMIT $2::bigint

-- name: EntriesOfTarget
SELECT {entry} FROM courier.audit WHERE seq < $1 AND target = $4 AND target <> '' AND ($3 = '' OR action = $3) ORDER BY seq DESC LIMIT $2::bigint

-- columns: action
id, status, kind, resolution, filter, reason, who, at, updated_at, ended_at, done_to, examined, changed, skipped, fault

-- name: InsertAction
INSERT INTO courier.action ({action}, node, lease_until) VALUES ($1, 'running', $2, $3, $4, $5, $6, $7::timestamptz, $7::timestamptz, NULL, NULL, 0, 0, 0, '', '', to_timestamp(0))
ON CONFLICT DO NOTHING

-- name: ForgetActions
DELETE FROM courier.action WHERE id IN (SELECT id FROM courier.action ORDER BY id LIMIT 10) AND at < $1 AND status <> 'running'

-- name: TakeAction
UPDATE courier.action SET node = $1, lease_until = $3
WHERE id = (SELECT id FROM courier.action WHERE status = 'running' AND lease_until <= $2 ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING {action}

-- name: SaveAction
WITH saved AS (
UPDATE courier.action
SET status = $3, updated_at = $4, ended_at = $5, done_to = $6, examined = $7, changed = $8, skipped = $9, fault = $10, lease_until = $11
WHERE id = $1 AND node = $2 AND status = 'running'
RETURNING id
)
SELECT count(*) FROM saved

-- name: StopAction
UPDATE courier.action SET status = 'stopped', updated_at = $2::timestamptz, ended_at = $2::timestamptz WHERE id = $1 AND status = 'running'

-- name: Action
SELECT {action} FROM courier.action WHERE id = $1

-- name: Actions
SELECT {action} FROM courier.action ORDER BY id DESC LIMIT $1

-- name: ReplaceListener
WITH gone AS (
    DELETE FROM courier.listener WHERE name = $1 AND status <> ALL ($2::text[])
)
INSERT INTO courier.listener (name, status) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING

-- name: ListenedStatuses
SELECT DISTINCT status FROM courier.listener ORDER BY status

-- name: ListenerNames
SELECT DISTINCT name FROM courier.listener ORDER BY name

-- name: Events
SELECT seq, message_id, from_status, to_status, changed_at FROM courier.event
WHERE listener = $1 AND seq > $2
ORDER BY seq
LIMIT $3

-- name: DeleteEvents
DELETE FROM courier.event WHERE seq = ANY ($1::bigint[])

-- name: DeleteEventsOf
DELETE FROM courier.event WHERE listener = $1

-- name: SetTries
UPDATE courier.event AS e
SET tries = e.tries + g.tries, tried_at = coalesce(g.tried_at, e.tried_at), fault = nullif(g.fault, '')
FROM unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::text[]) AS g (seq, tries, tried_at, fault)
WHERE e.seq = g.seq AND e.seq = ANY ($1::bigint[])

-- Events become notices, unless their messages are gone.
-- name: KeepNotices
WITH gone AS (
    DELETE FROM courier.event WHERE seq = ANY ($1::bigint[])
    RETURNING seq, message_id, listener, to_status, changed_at, tries, tried_at, fault
)
INSERT INTO courier.notice (message_id, seq, listener, to_status, changed_at, state, tries, tried_at, fault)
SELECT m.id, e.seq, e.listener, e.to_status, e.changed_at, g.state, e.tries + g.tries, coalesce(g.tried_at, e.tried_at),
    CASE WHEN g.state <> 'delivered' THEN coalesce(nullif(g.fault, ''), e.fault) END
FROM gone AS e
JOIN unnest($1::bigint[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[]) AS g (seq, state, tries, tried_at, fault) ON g.seq = e.seq
CROSS JOIN LATERAL (SELECT n.id FROM courier.message AS n WHERE n.id = e.message_id OFFSET 0) AS m

-- name: Notices
SELECT seq, listener, to_status, changed_at, 'waiting', tries, tried_at, coalesce(fault, '') FROM courier.event
WHERE message_id = $1
UNION ALL
SELECT seq, listener, to_status, changed_at, state, tries, tried_at, coalesce(fault, '') FROM courier.notice
WHERE message_id = $1

-- Makes the rows that are missing and locks all of them, in order, so that two nodes wait
-- for each other at most one way.
-- name: Usage
INSERT INTO courier.usage AS u (subject, until, times)
SELECT g.subject, now() + interval '1 hour', '' FROM unnest($1::bytea[]) AS g (subject) ORDER BY g.subject
ON CONFLICT (subject) DO UPDATE SET until = u.until
RETURNING subject, times

-- name: SetUsage
UPDATE courier.usage AS u SET until = g.until, times = g.times
FROM unnest($1::bytea[], $2::timestamptz[], $3::bytea[]) AS g (subject, until, times)
WHERE u.subject = g.subject

-- name: PurgeUsage
WITH gone AS (
    DELETE FROM courier.usage
    WHERE subject = ANY (ARRAY(SELECT subject FROM courier.usage WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING subject
)
SELECT count(*) FROM gone

-- name: PutSession
INSERT INTO courier.session (id, key, created_at, seen_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING

-- name: UseSession
UPDATE courier.session SET seen_at = $2 WHERE id = $1

-- name: EndSessions
DELETE FROM courier.session WHERE seen_at <= $1 OR created_at <= $2

-- name: Session
SELECT key, created_at, seen_at FROM courier.session WHERE id = $1

-- name: EndSession
DELETE FROM courier.session WHERE id = $1

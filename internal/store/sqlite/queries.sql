-- Every statement of the engine, prepared when the store opens. A block begins
-- with "-- name:"; {message} and other names in braces stand for the blocks of
-- those names under "-- columns:".

-- columns: message
seq, id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until,
send_count, retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
accepted_http_status, accepted_started_at, accepted_duration, created_at, channel,
recipient, sender, body, content, caller, idempotency_key, fingerprint, scrubbed_at, failure,
lane, supersede_key, superseded_by

-- columns: attempt
number, gateway, outcome, class, code, message, http_status, excerpt,
gateway_message_id, retry_after, started_at, duration, warning

-- columns: receipt
gateway, gateway_message_id, status, class, code, message, at, received_at

-- The statuses of the index message_ended, and those of message_rare, as their
-- conditions have them: SQLite uses a partial index only for the same expression.

-- columns: ended
next_attempt_at IS NULL AND status <> 'unknown'

-- columns: rare
next_attempt_at IS NULL AND status <> 'sent' AND status <> 'delivered'

-- A message whose place was taken while it was in flight is not sent again.

-- columns: ends
superseded_by IS NOT NULL AND (?3 = 'queued' OR ?3 = 'unknown')

-- name: Begin
BEGIN IMMEDIATE

-- name: Commit
COMMIT

-- name: Rollback
ROLLBACK

-- name: InsertMessage
INSERT INTO message (
    id, status, gateway, next_attempt_at, lease_node, lease_token, lease_until,
    send_count, retry_count, updated_at, expires_at, created_at, channel,
    recipient, sender, body, content, caller, idempotency_key, fingerprint,
    lane, supersede_key, place_key
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)

-- What is not final and has the key of a new message: in the segments that have any such,
-- one step of the index each, with the low bits ?3 of the key.
-- name: Rivals
WITH RECURSIVE segment (number) AS (
    SELECT max(place_key) >> 40 FROM message INDEXED BY message_place_key
    WHERE place_key IS NOT NULL AND next_attempt_at IS NOT NULL
    UNION ALL
    SELECT (
        SELECT max(n.place_key) >> 40 FROM message AS n INDEXED BY message_place_key
        WHERE n.place_key < segment.number << 40 AND n.place_key IS NOT NULL AND n.next_attempt_at IS NOT NULL
    )
    FROM segment
    WHERE segment.number IS NOT NULL
)
SELECT m.id, m.status, m.superseded_by IS NOT NULL
FROM segment CROSS JOIN message AS m INDEXED BY message_place_key
WHERE m.place_key = (segment.number << 40) | ?3 AND m.place_key IS NOT NULL AND m.next_attempt_at IS NOT NULL
    AND m.supersede_key = ?2 AND m.caller = ?1

-- The keys of messages that are not final, and of the others from an id on.
-- name: PlaceKeys
SELECT place_key FROM (
    SELECT place_key FROM message INDEXED BY message_place_key
    WHERE place_key IS NOT NULL AND next_attempt_at IS NOT NULL
    ORDER BY place_key DESC
)
UNION ALL
SELECT place_key FROM message
WHERE id >= ?2 AND place_key IS NOT NULL AND next_attempt_at IS NULL
LIMIT ?1

-- name: LatestOf
SELECT {message} FROM message INDEXED BY message_recipient
WHERE recipient = ?1 AND id >= ?2 AND supersede_key = ?4 AND caller = ?3 AND created_at > ?5
ORDER BY id DESC
LIMIT 1

-- A new message takes the place of a stored one.
-- name: TakePlaces
UPDATE message
SET superseded_by = ?2, status = iif(status = 'queued', 'canceled', status),
    next_attempt_at = iif(status = 'queued', NULL, next_attempt_at), updated_at = iif(status = 'queued', ?3, updated_at)
WHERE id = ?1 AND next_attempt_at IS NOT NULL

-- What is special about a message that was stored with a key.
-- name: NotePlaces
UPDATE message SET superseded_by = ?2, held_due_at = ?3 WHERE id = ?1

-- The newer message that waits for one whose attempt is over is due, if it waits for no other.
-- name: ReleaseHeld
UPDATE message SET next_attempt_at = max(held_due_at, ?2), held_due_at = NULL
WHERE id = ?1 AND +status = 'queued' AND held_due_at IS NOT NULL AND send_count = 0 AND NOT EXISTS (
    SELECT 1 FROM message AS o INDEXED BY message_processing
    WHERE o.status = 'processing' AND o.supersede_key = message.supersede_key AND o.caller = message.caller
)

-- A claim reads what is due and then leases it by runs of rows that follow each
-- other: RETURNING would copy each row once more, and an IN list sort them. SQLite
-- plans a statement anew after each LIMIT that is a bare parameter of 1.
-- name: DueMessages
SELECT {message} FROM message
WHERE status = 'queued' AND gateway = ? AND lane = ? AND next_attempt_at BETWEEN ? AND ?
ORDER BY next_attempt_at, seq
LIMIT ? + 0

-- name: NewestMessages
SELECT {message} FROM message
WHERE status = 'queued' AND gateway = ? AND lane = ? AND next_attempt_at BETWEEN ? AND ?
ORDER BY next_attempt_at DESC, seq DESC
LIMIT ? + 0

-- name: LeaseMessages
UPDATE message
SET status = 'processing', lease_node = ?, lease_token = ?, lease_until = ?, updated_at = ?
WHERE seq BETWEEN ? AND ? AND +status = 'queued'

-- The common end of a message: accepted, and nothing more to say about it.
-- name: SettleSent
UPDATE message
SET status = 'sent', next_attempt_at = NULL, lease_node = NULL, lease_token = NULL, lease_until = NULL,
    last_error = NULL, failure = NULL, retry_count = ?, updated_at = ?, sent_at = ?,
    send_count = max(send_count + 1, ?), gateway = ?, gateway_message_id = ?,
    accepted_http_status = ?, accepted_started_at = ?, accepted_duration = ?, gateway_key = ?
WHERE id = ? AND +lease_token = ? AND +status = 'processing'

-- Every other settlement. ?9 is the number of the attempt, or NULL for none; ?10 is 1
-- when it was not accepted; ?11 is the gateway's id of an accepted message.
-- name: SettleMessage
UPDATE message
SET status = iif({ends}, 'canceled', ?3), lease_node = NULL, lease_token = NULL, lease_until = NULL,
    retry_count = ?4, updated_at = ?5, next_attempt_at = iif({ends}, NULL, ?6),
    gateway = iif({ends}, gateway, coalesce(?7, gateway)), sent_at = ?8,
    send_count = CASE WHEN ?9 IS NULL THEN send_count ELSE max(send_count + 1, ?9) END,
    last_error = CASE WHEN ?9 IS NULL THEN last_error WHEN ?10 = 1 THEN max(send_count + 1, ?9) END,
    failure = CASE WHEN ?9 IS NULL THEN failure END,
    gateway_message_id = ?11, gateway_key = ?12
WHERE id = ?1 AND lease_token = ?2 AND status = 'processing'
RETURNING seq, send_count, status

-- name: InsertAttempt
INSERT INTO attempt (message_seq, {attempt})
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)

-- name: InsertPart
INSERT INTO part (message_seq, number, position, gateway, gateway_message_id) VALUES (?1, ?2, ?3, ?4, ?5)

-- As one process holds the file, a lease that is there when it is opened belongs
-- to a process that has ended, whatever its name was: it is left to no node.
-- name: OrphanLeases
UPDATE message INDEXED BY message_processing SET lease_node = '' WHERE status = 'processing'

-- The attempt began when the message was claimed.
-- name: ReclaimAttempts
INSERT INTO attempt (message_seq, {attempt})
SELECT seq, send_count + 1, gateway, 'unknown', 'outcome_unknown', NULL, ?2, 0, NULL, NULL, 0, updated_at, 0, NULL
FROM message INDEXED BY message_processing
WHERE status = 'processing' AND (lease_node <> ?1 OR lease_until <= ?3)
    AND (?4 IS NULL OR (gateway IN (SELECT value FROM json_each(?4))) <> ?5)

-- Those first whose place was taken.
-- name: ReclaimSuperseded
UPDATE message INDEXED BY message_processing
SET status = 'canceled', next_attempt_at = NULL, lease_node = NULL, lease_token = NULL, lease_until = NULL,
    send_count = send_count + 1, last_error = send_count + 1, failure = NULL, updated_at = ?2
WHERE status = 'processing' AND superseded_by IS NOT NULL AND (lease_node <> ?1 OR lease_until <= ?3)
    AND (?4 IS NULL OR (gateway IN (SELECT value FROM json_each(?4))) <> ?5)

-- name: ReclaimMessages
UPDATE message INDEXED BY message_processing
SET status = ?2, next_attempt_at = ?3, lease_node = NULL, lease_token = NULL, lease_until = NULL,
    send_count = send_count + 1, last_error = send_count + 1, failure = NULL, updated_at = ?4
WHERE status = 'processing' AND (lease_node <> ?1 OR lease_until <= ?5)
    AND (?6 IS NULL OR (gateway IN (SELECT value FROM json_each(?6))) <> ?7)

-- name: ExpireMessages
UPDATE message
SET status = 'expired', next_attempt_at = NULL, updated_at = ?1
WHERE seq IN (
    SELECT seq FROM message
    WHERE status = 'queued' AND expires_at IS NOT NULL AND expires_at <= ?1
    ORDER BY expires_at
    LIMIT ?2
)
RETURNING gateway

-- A scrub reads documents, and writes what is left of them.
-- name: OldContents
SELECT seq, content FROM message INDEXED BY message_ended
WHERE {ended}
    AND scrubbed_at IS NULL AND updated_at < ?1
ORDER BY updated_at
LIMIT ?2

-- name: ScrubMessage
UPDATE message SET scrubbed_at = ?2, body = '', content = ?3 WHERE seq = ?1

-- name: PurgeMessages
DELETE FROM message
WHERE seq IN (
    SELECT seq FROM message INDEXED BY message_ended
    WHERE {ended}
        AND scrubbed_at IS NULL AND updated_at < ?1
    ORDER BY updated_at
    LIMIT ?2
)

-- name: PurgeScrubbed
DELETE FROM message
WHERE seq IN (
    SELECT seq FROM message INDEXED BY message_ended
    WHERE {ended}
        AND scrubbed_at < ?1
    ORDER BY scrubbed_at
    LIMIT ?2
)

-- name: RerouteMessages
UPDATE message
SET gateway = ?2, updated_at = ?3
WHERE seq IN (
    SELECT seq FROM message
    WHERE status = 'queued' AND gateway = ?1 AND lane = ?5
    ORDER BY next_attempt_at, seq
    LIMIT ?4
)

-- An accepted attempt becomes a row of its own before its message is queued again.
-- name: KeepAccepted
INSERT INTO attempt (message_seq, {attempt})
SELECT seq, send_count, gateway, 'accepted', NULL, NULL, NULL, accepted_http_status, NULL,
    gateway_message_id, 0, accepted_started_at, accepted_duration, NULL
FROM message
WHERE id = ?1 AND accepted_http_status IS NOT NULL

-- The gateway's id of it is found by receipts that come later.
-- name: KeepID
INSERT INTO part (message_seq, number, position, gateway, gateway_message_id)
SELECT seq, send_count, 1, gateway, gateway_message_id FROM message
WHERE id = ?1 AND gateway_message_id IS NOT NULL
ON CONFLICT DO NOTHING

-- What was decided about one message, by hand.
-- name: DecideMessage
UPDATE message
SET status = ?3, gateway = ?4, next_attempt_at = ?5, updated_at = ?6, retry_count = ?7, expires_at = ?8,
    sent_at = ?9, gateway_message_id = ?10, gateway_key = CASE WHEN ?10 IS NOT NULL THEN gateway_key END, superseded_by = ?11,
    accepted_http_status = NULL, accepted_started_at = NULL, accepted_duration = NULL
WHERE id = ?1 AND status = ?2

-- name: WriteProbe
INSERT INTO probe (id, checked_at) VALUES (1, ?1)
ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at

-- name: Message
SELECT {message} FROM message WHERE id = ?1

-- name: MessageByKey
SELECT {message} FROM message WHERE caller = ?1 AND idempotency_key = ?2

-- name: Attempts
SELECT {attempt} FROM attempt WHERE message_seq = ?1 ORDER BY number

-- name: Attempt
SELECT {attempt} FROM attempt WHERE message_seq = ?1 AND number = ?2

-- name: Parts
SELECT number, gateway_message_id FROM part WHERE message_seq = ?1 ORDER BY number, position

-- name: Receipts
SELECT {receipt} FROM receipt
WHERE message_seq = (SELECT seq FROM message WHERE id = ?1)
ORDER BY number

-- The segments of keys that there are.
-- name: OldestKey
SELECT min(gateway_key) FROM message INDEXED BY message_gateway_key WHERE gateway_key IS NOT NULL

-- name: NewestKey
SELECT max(gateway_key) FROM message INDEXED BY message_gateway_key WHERE gateway_key IS NOT NULL

-- The newest message that a gateway named so, as some count from 1 after each start: in
-- the segments from ?3 back to ?4, with the low bits ?5 of the key.
-- name: MessageByGatewayID
WITH RECURSIVE segment (number) AS (
    SELECT ?3
    UNION ALL
    SELECT number - 1 FROM segment WHERE number > ?4
)
SELECT {message} FROM message
WHERE seq = (
    SELECT found FROM (
        SELECT (
            SELECT m.seq FROM message AS m INDEXED BY message_gateway_key
            WHERE m.gateway_key = (segment.number << 40) | ?5 AND m.gateway_key IS NOT NULL
                AND m.gateway_message_id = ?1 AND m.gateway = ?2
            ORDER BY m.seq DESC
            LIMIT 1
        ) AS found
        FROM segment
    )
    WHERE found IS NOT NULL
    LIMIT 1
)

-- name: MessageByPart
SELECT {message} FROM message
WHERE seq = (SELECT max(message_seq) FROM part WHERE gateway_message_id = ?1 AND gateway = ?2)

-- name: InsertReceipt
INSERT INTO receipt (message_seq, number, {receipt}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- What receipts made of a message.
-- name: ApplyReceipts
UPDATE message
SET status = ?3, next_attempt_at = NULL, updated_at = ?4, sent_at = ?5, gateway = ?6, gateway_message_id = ?7,
    gateway_key = coalesce(?9, gateway_key), last_error = NULL, failure = ?8
WHERE id = ?1 AND +status = ?2

-- name: InsertParked
INSERT INTO parked (message_id, {receipt}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO NOTHING

-- name: DeleteParked
DELETE FROM parked WHERE seq = ?1

-- name: ForgetParked
DELETE FROM parked WHERE received_at <= ?1

-- name: BoundParked
DELETE FROM parked WHERE seq <= (SELECT max(seq) FROM parked) - ?1

-- name: AnyParked
SELECT coalesce(max(seq), 0) FROM parked

-- What may belong to messages whose outcome is written: ?1 are their ids and ?2 those
-- that gateways gave, as lists of JSON.
-- name: ParkedOf
SELECT seq, message_id, {receipt} FROM parked
WHERE message_id IN (SELECT unhex(value) FROM json_each(?1)) AND message_id <> x''
UNION ALL
SELECT seq, message_id, {receipt} FROM parked
WHERE gateway_message_id IN (SELECT value FROM json_each(?2))

-- name: ParkedOfProcessing
SELECT p.seq, p.message_id, p.gateway, p.gateway_message_id, p.status, p.class, p.code, p.message, p.at, p.received_at
FROM message AS m INDEXED BY message_processing
JOIN parked AS p ON p.message_id = m.id AND p.message_id <> x''
WHERE m.status = 'processing'

-- name: AddMinute
INSERT INTO gateway_minute AS g (minute, gateway, country, accepted, delivered, undelivered, slow) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (minute, gateway, country) DO UPDATE SET accepted = g.accepted + excluded.accepted,
    delivered = g.delivered + excluded.delivered, undelivered = g.undelivered + excluded.undelivered, slow = g.slow + excluded.slow

-- name: DeleteMinutes
DELETE FROM gateway_minute WHERE minute < ?1

-- name: Minutes
SELECT minute, gateway, country, accepted, delivered, undelivered, slow FROM gateway_minute
WHERE minute >= ?1
ORDER BY minute, gateway, country

-- name: MinutesOfCountries
SELECT gateway, country, sum(accepted), sum(delivered), sum(undelivered), sum(slow) FROM gateway_minute
WHERE minute >= ?1
GROUP BY gateway, country

-- Adds up tallies that are older than ?1 over ?2 microseconds.
-- name: FoldMinutes
INSERT INTO gateway_minute AS g (minute, gateway, country, accepted, delivered, undelivered, slow)
SELECT minute - minute % ?2, gateway, country, sum(accepted), sum(delivered), sum(undelivered), sum(slow) FROM gateway_minute
WHERE minute < ?1 AND minute % ?2 <> 0
GROUP BY 1, 2, 3
ON CONFLICT (minute, gateway, country) DO UPDATE SET accepted = g.accepted + excluded.accepted,
    delivered = g.delivered + excluded.delivered, undelivered = g.undelivered + excluded.undelivered, slow = g.slow + excluded.slow

-- name: DeleteFoldedMinutes
DELETE FROM gateway_minute WHERE minute < ?1 AND minute % ?2 <> 0

-- name: AddPoint
INSERT INTO series AS s (at, gateway, counts) VALUES (?1, ?2, ?3)
ON CONFLICT (at, gateway) DO UPDATE SET counts = (
    SELECT json_group_array(a.value + b.value ORDER BY a.key)
    FROM json_each(s.counts) AS a JOIN json_each(excluded.counts) AS b ON b.key = a.key
)

-- name: DeletePoints
DELETE FROM series WHERE at < ?1

-- name: OldPoints
SELECT at, gateway, counts FROM series WHERE at < ?1 AND at % ?2 <> 0

-- name: DeleteOldPoints
DELETE FROM series WHERE at < ?1 AND at % ?2 <> 0

-- name: Points
SELECT at, gateway, counts FROM series WHERE at >= ?1 AND at < ?2 ORDER BY at, gateway

-- name: AddFault
INSERT INTO fault AS f (at, gateway, class, count) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (at, gateway, class) DO UPDATE SET count = f.count + excluded.count

-- name: DeleteFaults
DELETE FROM fault WHERE at < ?1

-- name: Faults
SELECT at, gateway, class, count FROM fault WHERE at >= ?1 ORDER BY at, gateway, class

-- name: DeleteWeights
DELETE FROM route_weight WHERE route = ?1 AND gateway = ?2 AND changed_at < ?3

-- name: InsertWeight
INSERT INTO route_weight (route, gateway, weight, reason, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: Weights
SELECT route, gateway, weight, reason, changed_at FROM route_weight
WHERE seq IN (SELECT max(seq) FROM route_weight GROUP BY route, gateway)
ORDER BY seq

-- name: WeightHistory
SELECT route, gateway, weight, reason, changed_at FROM route_weight INDEXED BY route_weight_route
WHERE route = ?1
ORDER BY seq DESC
LIMIT ?2

-- A page of the queue after the message ?3, which is due at ?2.
-- name: Waiting
SELECT {message} FROM message
WHERE status = 'queued' AND gateway = ?1 AND lane = ?5 AND (next_attempt_at, seq) > (?2, coalesce((SELECT seq FROM message WHERE id = ?3), 0))
ORDER BY next_attempt_at, seq
LIMIT ?4

-- name: MoveMessage
UPDATE message SET gateway = ?3, updated_at = ?4 WHERE id = ?1 AND +status = 'queued' AND gateway = ?2

-- name: NextDue
SELECT next_attempt_at FROM message
WHERE status = 'queued' AND gateway = ?1 AND lane = ?2
ORDER BY next_attempt_at
LIMIT 1

-- The gateways that messages wait for: one step of the index a gateway, however many
-- messages wait. For each lane the time of the first, and how many they are, up to ?1.
-- name: WaitingQueues
WITH RECURSIVE waiting (gateway) AS (
    SELECT * FROM (SELECT gateway FROM message WHERE status = 'queued' ORDER BY gateway LIMIT 1)
    UNION ALL
    SELECT (
        SELECT m.gateway FROM message AS m
        WHERE m.status = 'queued' AND m.gateway > waiting.gateway
        ORDER BY m.gateway
        LIMIT 1
    )
    FROM waiting
    WHERE waiting.gateway IS NOT NULL
)
SELECT gateway, lanes.lane, (
    SELECT m.next_attempt_at FROM message AS m
    WHERE m.status = 'queued' AND m.gateway = waiting.gateway AND m.lane = lanes.lane
    ORDER BY m.next_attempt_at
    LIMIT 1
) AS due, (
    SELECT count(*) FROM (
        SELECT 1 FROM message AS m
        WHERE m.status = 'queued' AND m.gateway = waiting.gateway AND m.lane = lanes.lane
        LIMIT ?1
    )
)
FROM waiting, (SELECT 'otp' AS lane UNION ALL SELECT 'normal' UNION ALL SELECT 'bulk') AS lanes
WHERE gateway IS NOT NULL AND due IS NOT NULL

-- name: CountQueued
SELECT count(*) FROM message INDEXED BY message_due WHERE status = 'queued'

-- name: CountProcessing
SELECT count(*), coalesce(max(lease_token), 0) FROM message INDEXED BY message_processing WHERE status = 'processing'

-- name: CountUnknown
SELECT count(*) FROM message INDEXED BY message_rare
WHERE status = 'unknown' AND {rare}

-- The pages of a listing: below ?1, not below ?2, at most ?3. A statement named
-- Floor… finds the ?2 that leaves a bounded number of rows to examine.
-- columns: sought
(?5 IS NULL OR gateway = ?5)
    AND (?7 = '' OR instr(content, ?7) > 0 OR instr(content, ?8) > 0) AND (?9 = '' OR instr(content, ?9) > 0 OR instr(content, ?10) > 0)
    AND (?11 = '' OR iif(status = 'canceled' AND superseded_by IS NOT NULL AND sent_at IS NULL, ?12 = 'superseded',
        instr(failure, ?11) > 0 OR EXISTS (
            SELECT 1 FROM attempt AS a WHERE a.message_seq = message.seq AND a.number = message.last_error AND a.class = ?12
        )))

-- name: ListAll
SELECT {message} FROM message
WHERE id < ?1 AND id >= ?2 AND (?4 IS NULL OR status = ?4) AND {sought}
ORDER BY id DESC
LIMIT ?3

-- name: FloorAll
SELECT id FROM message WHERE id < ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2

-- name: ListByRecipient
SELECT {message} FROM message INDEXED BY message_recipient
WHERE recipient = ?6 AND id < ?1 AND id >= ?2 AND (?4 IS NULL OR status = ?4) AND {sought}
ORDER BY id DESC
LIMIT ?3

-- name: FloorByRecipient
SELECT id FROM message WHERE recipient = ?3 AND id < ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2

-- name: ListRare
SELECT {message} FROM message INDEXED BY message_rare
WHERE status = ?4 AND {rare}
    AND id < ?1 AND id >= ?2 AND {sought}
ORDER BY id DESC
LIMIT ?3

-- name: FloorRare
SELECT id FROM message INDEXED BY message_rare
WHERE status = ?3 AND {rare} AND id < ?1
ORDER BY id DESC
LIMIT 1 OFFSET ?2

-- These two sort all that they find, so they serve only while that is little.
-- name: ListQueued
SELECT {message} FROM message INDEXED BY message_due
WHERE status = 'queued' AND id < ?1 AND id >= ?2 AND {sought}
ORDER BY id DESC
LIMIT ?3

-- name: ListProcessing
SELECT {message} FROM message INDEXED BY message_processing
WHERE status = 'processing' AND id < ?1 AND id >= ?2 AND {sought}
ORDER BY id DESC
LIMIT ?3

-- name: SetPause
INSERT INTO gateway_pause (gateway, reason, who, at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (gateway) DO UPDATE SET reason = excluded.reason, who = excluded.who, at = excluded.at

-- name: DeletePause
DELETE FROM gateway_pause WHERE gateway = ?1

-- name: Pauses
SELECT gateway, reason, who, at FROM gateway_pause ORDER BY gateway

-- columns: entry
seq, at, who, action, target, reason, detail

-- name: InsertEntry
INSERT INTO audit (at, who, action, target, reason, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- name: ForgetEntries
DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT 10) AND at < ?1

-- name: Entries
SELECT {entry} FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2

-- name: EntriesOfAction
SELECT {entry} FROM audit WHERE seq < ?1 AND action = ?3 ORDER BY seq DESC LIMIT ?2

-- name: EntriesOfTarget
SELECT {entry} FROM audit WHERE seq < ?1 AND target = ?4 AND target <> '' AND (?3 = '' OR action = ?3) ORDER BY seq DESC LIMIT ?2

-- columns: action
id, status, kind, resolution, filter, reason, who, at, updated_at, ended_at, done_to, examined, changed, skipped, fault

-- name: InsertAction
INSERT INTO action ({action}, node, lease_until) VALUES (?1, 'running', ?2, ?3, ?4, ?5, ?6, ?7, ?7, NULL, NULL, 0, 0, 0, '', '', 0)

-- name: ForgetActions
DELETE FROM action WHERE id IN (SELECT id FROM action ORDER BY id LIMIT 10) AND at < ?1 AND status <> 'running'

-- name: TakeAction
UPDATE action SET node = ?1, lease_until = ?3
WHERE id = (SELECT id FROM action WHERE status = 'running' AND lease_until <= ?2 ORDER BY lease_until LIMIT 1)
RETURNING {action}

-- name: SaveAction
UPDATE action
SET status = ?3, updated_at = ?4, ended_at = ?5, done_to = ?6, examined = ?7, changed = ?8, skipped = ?9, fault = ?10, lease_until = ?11
WHERE id = ?1 AND node = ?2 AND status = 'running'

-- name: StopAction
UPDATE action SET status = 'stopped', updated_at = ?2, ended_at = ?2 WHERE id = ?1 AND status = 'running'

-- name: Action
SELECT {action} FROM action WHERE id = ?1

-- name: Actions
SELECT {action} FROM action ORDER BY id DESC LIMIT ?1

-- name: DeleteListener
DELETE FROM listener WHERE name = ?1

-- name: InsertListener
INSERT INTO listener (name, status) VALUES (?1, ?2) ON CONFLICT DO NOTHING

-- name: ListenedStatuses
SELECT DISTINCT status FROM listener ORDER BY status

-- name: ListenerNames
SELECT DISTINCT name FROM listener ORDER BY name

-- name: Events
SELECT seq, message_id, from_status, to_status, changed_at FROM event
WHERE listener = ?1 AND seq > ?2
ORDER BY seq
LIMIT ?3

-- name: DeleteEvent
DELETE FROM event WHERE seq = ?1

-- name: DeleteEventsOf
DELETE FROM event WHERE listener = ?1

-- name: SetTries
UPDATE event SET tries = tries + ?2, tried_at = coalesce(?3, tried_at), fault = ?4 WHERE seq = ?1

-- Makes a notice of an event, which is then deleted, unless its message is gone.
-- name: KeepNotices
INSERT INTO notice (message_seq, seq, listener, to_status, changed_at, state, tries, tried_at, fault)
SELECT m.seq, e.seq, e.listener, e.to_status, e.changed_at, ?2, e.tries + ?3, coalesce(?4, e.tried_at),
    iif(?2 = 'delivered', NULL, coalesce(?5, e.fault))
FROM event AS e JOIN message AS m ON m.id = e.message_id
WHERE e.seq = ?1

-- name: Notices
SELECT seq, listener, to_status, changed_at, 'waiting', tries, tried_at, fault FROM event
WHERE message_id = ?1
UNION ALL
SELECT seq, listener, to_status, changed_at, state, tries, tried_at, fault FROM notice
WHERE message_seq = (SELECT seq FROM message WHERE id = ?1)

-- name: Usage
SELECT times FROM usage WHERE subject = ?1

-- name: SetUsage
INSERT INTO usage (subject, until, times) VALUES (?1, ?2, ?3)
ON CONFLICT (subject) DO UPDATE SET until = excluded.until, times = excluded.times

-- name: PurgeUsage
DELETE FROM usage WHERE subject IN (SELECT subject FROM usage WHERE until <= ?1 ORDER BY until LIMIT ?2)

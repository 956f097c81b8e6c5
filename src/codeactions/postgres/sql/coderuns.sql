-- Runs. Times come from the server that made the row; ids are UUIDv7.

-- name: start_many
INSERT INTO coderuns (id, code_id, status, extra, params, body, headers, created_at, updated_at)
SELECT r.id, r.code_id, 'started', r.extra::jsonb, r.params::jsonb, r.body, r.headers::jsonb, r.at, r.at
FROM unnest(%(id)s::uuid[], %(code_id)s::uuid[], %(extra)s::text[], %(params)s::text[], %(body)s::text[],
            %(headers)s::text[], %(at)s::timestamptz[])
     AS r (id, code_id, extra, params, body, headers, at)
ON CONFLICT (id) DO NOTHING

-- name: start_one
-- The same for one run: without arrays it costs client and server half as much.
INSERT INTO coderuns (id, code_id, status, extra, params, body, headers, created_at, updated_at)
VALUES (%(id)s, %(code_id)s, 'started', %(extra)s, %(params)s, %(body)s, %(headers)s, %(at)s, %(at)s)
ON CONFLICT (id) DO NOTHING

-- name: answer_many
-- Runs that go on while, or after, their answers go out. It may be repeated. A row that another server took for lost
-- stays as it is, and is not returned.
UPDATE coderuns AS r
SET result = a.result, updated_at = a.at,
    extra = CASE WHEN jsonb_typeof(r.extra) = 'object' THEN r.extra ELSE '{}' END || a.extra::jsonb
FROM unnest(%(id)s::uuid[], %(result)s::text[], %(extra)s::text[], %(at)s::timestamptz[])
     AS a (id, result, extra, at)
WHERE r.id = a.id AND r.status IN ('queued', 'started')
RETURNING r.id

-- name: finish_one
-- One run that wrote no log. Wherever `extra` grows, another program may have made it something else than an object,
-- to which nothing can be added.
UPDATE coderuns
SET status = %(status)s, result = %(result)s, updated_at = %(at)s,
    extra = CASE WHEN jsonb_typeof(extra) = 'object' THEN extra ELSE '{}' END || %(extra)s
WHERE id = %(id)s AND status IN ('queued', 'started')
RETURNING id

-- name: finish_many
-- One statement, so one commit, for the ends of all waiting runs and their logs. A run that is terminal already
-- (its server was taken for dead) is left alone and not returned.
WITH finished AS (
    UPDATE coderuns AS r
    SET status = e.status, result = e.result, updated_at = e.at,
        extra = CASE WHEN jsonb_typeof(r.extra) = 'object' THEN r.extra ELSE '{}' END || e.extra::jsonb
    FROM unnest(%(id)s::uuid[], %(status)s::text[], %(result)s::text[], %(extra)s::text[], %(at)s::timestamptz[])
         AS e (id, status, result, extra, at)
    WHERE r.id = e.id AND r.status IN ('queued', 'started')
    RETURNING r.id, r.code_id
), logged AS (
    INSERT INTO codelogs (run_id, code_id, type, content, position, created_at)
    SELECT f.id, f.code_id, l.type, l.content, l.position, l.at
    FROM unnest(%(log_run_id)s::uuid[], %(log_type)s::text[], %(log_content)s::text[], %(log_position)s::int[],
                %(log_at)s::timestamptz[])
         AS l (run_id, type, content, position, at)
    JOIN finished AS f ON f.id = l.run_id
)
SELECT id FROM finished

-- name: statuses
SELECT id, status, extra FROM coderuns WHERE id = ANY (%(ids)s::uuid[])

-- name: get
SELECT id, code_id, status, result, extra, params, body, headers, created_at, updated_at
FROM coderuns
WHERE id = %(id)s

-- name: page
-- The ids of a page of a code's runs, newest first.
SELECT id, code_id
FROM coderuns
WHERE code_id = %(code_id)s
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(after)s::timestamptz IS NULL OR created_at > %(after)s)
  AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s)
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total
FROM coderuns
WHERE code_id = %(code_id)s
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(after)s::timestamptz IS NULL OR created_at > %(after)s)
  AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s)

-- name: page_of_project
-- As `page`, of all codes that are the project's now. The newest `reach` runs of the project are among the newest `reach`
-- runs of those `reach` codes that ran last: one look into the index of (code_id, created_at) for each code finds these.
-- Bounds in place of NULL let every plan use that index; of another program's rows, they take infinite times in.
SELECT found.id, latest.id AS code_id
FROM (
    SELECT codes.id, newest.created_at
    FROM codes CROSS JOIN LATERAL (
        SELECT created_at
        FROM coderuns
        WHERE code_id = codes.id
          AND (%(status)s::text IS NULL OR status = %(status)s)
          AND created_at >= coalesce(%(after)s::timestamptz + '1 us'::interval, '-infinity')
          AND created_at <= coalesce(%(before)s::timestamptz - '1 us'::interval, 'infinity')
        ORDER BY created_at DESC
        LIMIT 1
    ) AS newest
    WHERE codes.project_uuid = %(project_uuid)s
    ORDER BY newest.created_at DESC
    LIMIT %(reach)s::int
) AS latest CROSS JOIN LATERAL (
    SELECT id, created_at
    FROM coderuns
    WHERE code_id = latest.id
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND created_at >= coalesce(%(after)s::timestamptz + '1 us'::interval, '-infinity')
      AND created_at <= coalesce(%(before)s::timestamptz - '1 us'::interval, 'infinity')
    ORDER BY created_at DESC, id DESC
    LIMIT %(reach)s::int
) AS found
ORDER BY found.created_at DESC, found.id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: of_ids
-- The rows of a page. Runs that fit together come whole: `most` is NULL then. Otherwise each of their two fields has an
-- equal share, so that what one shows does not depend on its place, and one large run takes nothing from small ones. The
-- lengths are read without the texts, and of those that are cut only the beginning is read.
SELECT id, code_id, status, extra, params, headers, created_at, updated_at,
       CASE WHEN octet_length(body) > most THEN left(body, %(beginning)s) ELSE body END AS body,
       CASE WHEN octet_length(result) > most THEN left(result, %(beginning)s) ELSE result END AS result,
       array_remove(ARRAY[CASE WHEN octet_length(body) > most THEN 'body' END,
                          CASE WHEN octet_length(result) > most THEN 'result' END], NULL) AS cut
FROM (
    SELECT id, code_id, status, result, extra, params, body, headers, created_at, updated_at,
           CASE WHEN sum(coalesce(octet_length(body), 0) + coalesce(octet_length(result), 0)) OVER () > %(bytes)s
                THEN %(bytes)s / (2 * count(*) OVER ()) END AS most
    FROM coderuns
    WHERE id = ANY (%(ids)s::uuid[])
) AS measured
ORDER BY created_at DESC, id DESC

-- name: count_of_project
-- Without the status, so that the index alone is read.
SELECT coalesce(sum(of_code.total), 0)::bigint AS total
FROM codes CROSS JOIN LATERAL (
    SELECT count(*) AS total
    FROM coderuns
    WHERE code_id = codes.id
      AND created_at >= coalesce(%(after)s::timestamptz + '1 us'::interval, '-infinity')
      AND created_at <= coalesce(%(before)s::timestamptz - '1 us'::interval, 'infinity')
) AS of_code
WHERE codes.project_uuid = %(project_uuid)s

-- name: count_of_project_with_status
SELECT count(*) AS total
FROM coderuns JOIN codes ON codes.id = coderuns.code_id
WHERE codes.project_uuid = %(project_uuid)s
  AND coderuns.status = %(status)s
  AND coderuns.created_at >= coalesce(%(after)s::timestamptz + '1 us'::interval, '-infinity')
  AND coderuns.created_at <= coalesce(%(before)s::timestamptz - '1 us'::interval, 'infinity')

-- name: started_instances
-- The instances with unfinished runs. Rows without an instance, or with anything else under that name, were made by
-- another program.
SELECT DISTINCT (extra ->> 'instance')::int AS instance
FROM coderuns
WHERE status = 'started' AND extra ? 'instance'
  AND CASE WHEN extra ->> 'instance' ~ '^[0-9]{1,10}$' THEN (extra ->> 'instance')::bigint < 2147483648 ELSE false END

-- name: lose_instance
UPDATE coderuns
SET status = 'failed', updated_at = %(at)s,
    extra = extra || jsonb_build_object('error', jsonb_build_object(
        'type', 'lost', 'message', 'the server that ran it died', 'traceback', ''))
WHERE status = 'started' AND extra ->> 'instance' = %(instance)s::text
RETURNING id

-- name: lose_forgotten
-- Runs of this server that it no longer knows: their end could not be written.
UPDATE coderuns
SET status = 'failed', updated_at = %(at)s,
    extra = extra || jsonb_build_object('error', jsonb_build_object(
        'type', 'lost', 'message', 'its end could not be recorded', 'traceback', ''))
WHERE status = 'started' AND extra ->> 'instance' = %(instance)s::text
  AND created_at < %(before)s AND NOT id = ANY (%(known)s::uuid[])
RETURNING id

-- name: try_lock_instance
SELECT pg_try_advisory_lock(%(space)s, %(instance)s) AS locked

-- name: unlock_instance
SELECT pg_advisory_unlock(%(space)s, %(instance)s) AS unlocked

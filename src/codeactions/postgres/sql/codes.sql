-- Codes. Columns are always named: a database of the Go service has more of them.

-- name: create
INSERT INTO codes (id, name, type, source, language, url, project_uuid, timeout, created_at, updated_at)
VALUES (%(id)s, %(name)s, %(type)s, %(source)s, %(language)s, %(url)s, %(project_uuid)s, %(timeout)s,
        %(created_at)s, %(updated_at)s)

-- name: get
SELECT id, name, type, source, language, url, project_uuid, timeout, created_at, updated_at
FROM codes
WHERE id = %(id)s

-- name: get_guarded
SELECT codes.id, name, type, source, language, url, project_uuid, timeout, codes.created_at, codes.updated_at,
       guard.kind AS guard_kind, guard.username AS guard_username, guard.secret AS guard_secret,
       guard.header AS guard_header, guard.created_at AS guard_created_at, guard.updated_at AS guard_updated_at
FROM codes LEFT JOIN code_protections AS guard ON guard.code_id = codes.id
WHERE codes.id = %(id)s

-- name: list
SELECT id, name, type, language, url, project_uuid, timeout, created_at, updated_at,
       CASE WHEN octet_length(source) > most THEN left(source, %(beginning)s) ELSE source END AS source,
       CASE WHEN octet_length(source) > most THEN ARRAY['source'] ELSE ARRAY[]::text[] END AS cut
FROM (
    -- The same rule as for a page of runs (coderuns.sql): all of them whole if they fit together, else equal shares.
    SELECT id, name, type, source, language, url, project_uuid, timeout, created_at, updated_at,
           CASE WHEN sum(octet_length(source)) OVER () > %(bytes)s THEN %(bytes)s / count(*) OVER () END AS most
    FROM (
        SELECT id, name, type, source, language, url, project_uuid, timeout, created_at, updated_at
        FROM codes
        WHERE project_uuid = %(project_uuid)s AND (%(type)s::text IS NULL OR type = %(type)s)
        ORDER BY created_at, id
        LIMIT %(limit)s OFFSET %(offset)s
    ) AS page
) AS measured
ORDER BY created_at, id

-- name: count
SELECT count(*) AS total
FROM codes
WHERE project_uuid = %(project_uuid)s AND (%(type)s::text IS NULL OR type = %(type)s)

-- name: update
-- Only while nobody else has changed it since it was read.
UPDATE codes
SET name = %(name)s, type = %(type)s, source = %(source)s, language = %(language)s, url = %(url)s,
    project_uuid = %(project_uuid)s, timeout = %(timeout)s, updated_at = %(updated_at)s
WHERE id = %(id)s AND updated_at = %(read_updated_at)s
RETURNING id

-- name: delete
DELETE FROM codes WHERE id = %(id)s RETURNING id

-- name: is_empty
SELECT NOT EXISTS (SELECT 1 FROM codes) AS is_empty

-- Codes. Columns are always named: a database of the Go service has more of them.

-- name: create
INSERT INTO codes (id, name, type, source, language, url, project_uuid, timeout, timezone, description, mask_result,
                   created_at, updated_at)
VALUES (%(id)s, %(name)s, %(type)s, %(source)s, %(language)s, %(url)s, %(project_uuid)s, %(timeout)s, %(timezone)s,
        %(description)s, %(mask_result)s, %(created_at)s, %(updated_at)s)

-- name: get
SELECT id, name, type, source, language, url, project_uuid, timeout, timezone, description, mask_result, version,
       created_at, updated_at
FROM codes
WHERE id = %(id)s

-- name: get_with_protection
SELECT codes.id, name, type, source, language, url, project_uuid, timeout, timezone, description, mask_result, version,
       codes.created_at, codes.updated_at,
       protection.kind AS protection_kind, protection.username AS protection_username,
       protection.secret AS protection_secret, protection.header AS protection_header,
       protection.created_at AS protection_created_at, protection.updated_at AS protection_updated_at
FROM codes LEFT JOIN code_protections AS protection ON protection.code_id = codes.id
WHERE codes.id = %(id)s

-- name: named
-- With flows, an endpoint still comes before a flow of the same name.
SELECT id, type
FROM codes
WHERE project_uuid = %(project)s AND name = %(name)s AND (type = 'endpoint' OR %(flows)s)
ORDER BY type = 'endpoint' DESC NULLS LAST
LIMIT 2

-- name: list
SELECT id, name, type, language, url, project_uuid, timeout, timezone, description, mask_result, version,
       created_at, updated_at,
       CASE WHEN octet_length(source) > most THEN left(source, %(beginning)s) ELSE source END AS source,
       CASE WHEN octet_length(source) > most THEN ARRAY['source'] ELSE ARRAY[]::text[] END AS cut
FROM (
    -- The same rule as for a page of runs (coderuns.sql): every source whole if all fit together, else equal shares.
    SELECT id, name, type, source, language, url, project_uuid, timeout, timezone, description, mask_result, version,
           created_at, updated_at,
           CASE WHEN sum(octet_length(source)) OVER () > %(bytes)s THEN %(bytes)s / count(*) OVER () END AS most
    FROM (
        SELECT id, name, type, source, language, url, project_uuid, timeout, timezone, description, mask_result, version,
               created_at, updated_at
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
-- Only if it has not changed since it was read.
UPDATE codes
SET name = %(name)s, type = %(type)s, source = %(source)s, language = %(language)s, url = %(url)s,
    project_uuid = %(project_uuid)s, timeout = %(timeout)s, timezone = %(timezone)s,
    description = %(description)s, mask_result = %(mask_result)s, updated_at = %(updated_at)s
WHERE id = %(id)s AND updated_at IS NOT DISTINCT FROM %(read_updated_at)s
RETURNING version

-- name: roll_back
-- The trigger takes the number only if it is that of this source (migration 19).
UPDATE codes
SET source = %(source)s, language = %(language)s, version = %(version)s, updated_at = %(updated_at)s
WHERE id = %(id)s AND updated_at IS NOT DISTINCT FROM %(read_updated_at)s
RETURNING version

-- name: delete
DELETE FROM codes WHERE id = %(id)s RETURNING id

-- Linked runs: those that name their code by its old id alone. The Go service's import leaves `code_id` NULL in a run whose
-- code it has not seen yet. Only that service's tables have the two columns, `code_mongo_id` with an index. Of several
-- codes with one old id, the one with the lowest id is meant, as in oldids.sql.

-- name: code_of
SELECT codes.id
FROM coderuns AS run JOIN codes ON codes.mongo_object_id = run.code_mongo_id
WHERE run.id = %(id)s AND run.code_id IS NULL AND codes.mongo_object_id <> ''
ORDER BY codes.id
LIMIT 1

-- name: count
-- Of a code, or of all codes of a project; the other one is NULL. A project's history goes by the times (coderuns.sql).
SELECT count(*) AS total
FROM codes JOIN coderuns AS run ON run.code_id IS NULL AND run.code_mongo_id = codes.mongo_object_id
WHERE (codes.id = %(code_id)s OR codes.project_uuid = %(project_uuid)s)
  AND codes.mongo_object_id <> ''
  AND NOT EXISTS (SELECT 1 FROM codes AS c WHERE c.mongo_object_id = codes.mongo_object_id AND c.id < codes.id)
  AND (codes.id = %(code_id)s OR run.created_at IS NOT NULL)
  AND (%(status)s::text IS NULL OR run.status = %(status)s)
  AND (%(after)s::timestamptz IS NULL OR run.created_at > %(after)s)
  AND (%(before)s::timestamptz IS NULL OR run.created_at < %(before)s)

-- name: page
-- The ids of a page of both kinds of runs, linked and others, with the code that is meant: the newest `reach` of each kind
-- hold it.
SELECT id, code_id
FROM (
    (
        SELECT run.id, codes.id AS code_id, run.created_at
        FROM codes CROSS JOIN LATERAL (
            SELECT id, created_at
            FROM coderuns
            WHERE code_id = codes.id
              AND (codes.id = %(code_id)s OR created_at IS NOT NULL)
              AND (%(status)s::text IS NULL OR status = %(status)s)
              AND (%(after)s::timestamptz IS NULL OR created_at > %(after)s)
              AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s)
            ORDER BY created_at DESC, id DESC
            LIMIT %(reach)s::int
        ) AS run
        WHERE codes.id = %(code_id)s OR codes.project_uuid = %(project_uuid)s
        ORDER BY run.created_at DESC, run.id DESC
        LIMIT %(reach)s::int
    )
    UNION ALL
    (
        SELECT run.id, codes.id AS code_id, run.created_at
        FROM codes JOIN coderuns AS run ON run.code_id IS NULL AND run.code_mongo_id = codes.mongo_object_id
        WHERE (codes.id = %(code_id)s OR codes.project_uuid = %(project_uuid)s)
          AND codes.mongo_object_id <> ''
          AND NOT EXISTS (SELECT 1 FROM codes AS c WHERE c.mongo_object_id = codes.mongo_object_id AND c.id < codes.id)
          AND (codes.id = %(code_id)s OR run.created_at IS NOT NULL)
          AND (%(status)s::text IS NULL OR run.status = %(status)s)
          AND (%(after)s::timestamptz IS NULL OR run.created_at > %(after)s)
          AND (%(before)s::timestamptz IS NULL OR run.created_at < %(before)s)
        ORDER BY run.created_at DESC, run.id DESC
        LIMIT %(reach)s::int
    )
) AS found
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s

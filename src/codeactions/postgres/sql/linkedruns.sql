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
SELECT count(*) AS total
FROM codes JOIN coderuns AS run ON run.code_id IS NULL AND run.code_mongo_id = codes.mongo_object_id
WHERE codes.id = %(code_id)s
  AND codes.mongo_object_id <> ''
  AND NOT EXISTS (SELECT 1 FROM codes AS c WHERE c.mongo_object_id = codes.mongo_object_id AND c.id < codes.id)
  AND (%(status)s::text IS NULL OR run.status = %(status)s)
  AND (%(after)s::timestamptz IS NULL OR run.created_at > %(after)s)
  AND (%(before)s::timestamptz IS NULL OR run.created_at < %(before)s)

-- name: count_of_project
SELECT count(*) AS total
FROM codes JOIN coderuns AS run ON run.code_id IS NULL AND run.code_mongo_id = codes.mongo_object_id
WHERE codes.project_uuid = %(project_uuid)s
  AND codes.mongo_object_id <> ''
  AND NOT EXISTS (SELECT 1 FROM codes AS c WHERE c.mongo_object_id = codes.mongo_object_id AND c.id < codes.id)
  AND (%(status)s::text IS NULL OR run.status = %(status)s)
  AND (%(after)s::timestamptz IS NULL OR run.created_at > %(after)s)
  AND (%(before)s::timestamptz IS NULL OR run.created_at < %(before)s)

-- name: page
-- The ids of a page of a code's runs, linked ones too: the newest `reach` of both kinds hold it.
SELECT id
FROM (
    (
        SELECT id, created_at
        FROM coderuns
        WHERE code_id = %(code_id)s
          AND (%(status)s::text IS NULL OR status = %(status)s)
          AND (%(after)s::timestamptz IS NULL OR created_at > %(after)s)
          AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s)
        ORDER BY created_at DESC, id DESC
        LIMIT %(reach)s::int
    )
    UNION ALL
    (
        SELECT run.id, run.created_at
        FROM codes JOIN coderuns AS run ON run.code_id IS NULL AND run.code_mongo_id = codes.mongo_object_id
        WHERE codes.id = %(code_id)s
          AND codes.mongo_object_id <> ''
          AND NOT EXISTS (SELECT 1 FROM codes AS c WHERE c.mongo_object_id = codes.mongo_object_id AND c.id < codes.id)
          AND (%(status)s::text IS NULL OR run.status = %(status)s)
          AND (%(after)s::timestamptz IS NULL OR run.created_at > %(after)s)
          AND (%(before)s::timestamptz IS NULL OR run.created_at < %(before)s)
        ORDER BY run.created_at DESC, run.id DESC
        LIMIT %(reach)s::int
    )
) AS found
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: page_of_project
-- The same of all codes of a project.
SELECT id
FROM (
    (
        SELECT run.id, run.created_at
        FROM codes CROSS JOIN LATERAL (
            SELECT id, created_at
            FROM coderuns
            WHERE code_id = codes.id
              AND (%(status)s::text IS NULL OR status = %(status)s)
              AND created_at > coalesce(%(after)s::timestamptz, '-infinity')
              AND created_at < coalesce(%(before)s::timestamptz, 'infinity')
            ORDER BY created_at DESC, id DESC
            LIMIT %(reach)s::int
        ) AS run
        WHERE codes.project_uuid = %(project_uuid)s
        ORDER BY created_at DESC, id DESC
        LIMIT %(reach)s::int
    )
    UNION ALL
    (
        SELECT run.id, run.created_at
        FROM codes JOIN coderuns AS run ON run.code_id IS NULL AND run.code_mongo_id = codes.mongo_object_id
        WHERE codes.project_uuid = %(project_uuid)s
          AND codes.mongo_object_id <> ''
          AND NOT EXISTS (SELECT 1 FROM codes AS c WHERE c.mongo_object_id = codes.mongo_object_id AND c.id < codes.id)
          AND (%(status)s::text IS NULL OR run.status = %(status)s)
          AND (%(after)s::timestamptz IS NULL OR run.created_at > %(after)s)
          AND (%(before)s::timestamptz IS NULL OR run.created_at < %(before)s)
        ORDER BY run.created_at DESC, run.id DESC
        LIMIT %(reach)s::int
    )
) AS found
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: of_ids
-- The rows of a page, with the code that is meant. Their texts are cut as in coderuns.sql.
SELECT id, code_id, status, extra, params, headers, created_at, updated_at,
       CASE WHEN octet_length(body) > most THEN left(body, %(beginning)s) ELSE body END AS body,
       CASE WHEN octet_length(result) > most THEN left(result, %(beginning)s) ELSE result END AS result,
       array_remove(ARRAY[CASE WHEN octet_length(body) > most THEN 'body' END,
                          CASE WHEN octet_length(result) > most THEN 'result' END], NULL) AS cut
FROM (
    SELECT id, status, result, extra, params, body, headers, created_at, updated_at,
           CASE WHEN code_id IS NOT NULL THEN code_id
                ELSE (SELECT c.id FROM codes AS c WHERE c.mongo_object_id = code_mongo_id ORDER BY c.id LIMIT 1)
           END AS code_id,
           CASE WHEN sum(coalesce(octet_length(body), 0) + coalesce(octet_length(result), 0)) OVER () > %(bytes)s
                THEN %(bytes)s / (2 * count(*) OVER ()) END AS most
    FROM coderuns
    WHERE id = ANY (%(ids)s::uuid[])
) AS measured
ORDER BY created_at DESC, id DESC

-- Log lines. They are written together with the end of their run: see coderuns.sql, finish_many.

-- name: get
SELECT id, run_id, code_id, type, content, created_at FROM codelogs WHERE id = %(id)s

-- name: page_of_run
SELECT id, run_id, code_id, type, content, created_at
FROM codelogs
WHERE run_id = %(run_id)s
ORDER BY position, id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_of_run
SELECT count(*) AS total FROM codelogs WHERE run_id = %(run_id)s

-- name: page_of_code
SELECT id, run_id, code_id, type, content, created_at
FROM codelogs
WHERE code_id = %(code_id)s
ORDER BY created_at DESC, run_id, position
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_of_code
SELECT count(*) AS total FROM codelogs WHERE code_id = %(code_id)s

-- name: page_of_project
-- As `page_of_code`, of all codes that are the project's now. Read as the runs of a project are (coderuns.sql).
SELECT found.id, found.run_id, found.code_id, found.type, found.content, found.created_at
FROM (
    SELECT codes.id, newest.created_at
    FROM codes CROSS JOIN LATERAL (
        SELECT created_at
        FROM codelogs
        WHERE code_id = codes.id
        ORDER BY created_at DESC
        LIMIT 1
    ) AS newest
    WHERE codes.project_uuid = %(project_uuid)s
    ORDER BY newest.created_at DESC
    LIMIT %(reach)s::int
) AS latest CROSS JOIN LATERAL (
    SELECT id, run_id, code_id, type, content, position, created_at
    FROM codelogs
    WHERE code_id = latest.id
    ORDER BY created_at DESC, run_id, position
    LIMIT %(reach)s::int
) AS found
ORDER BY found.created_at DESC, found.run_id, found.position
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_of_project
SELECT coalesce(sum(of_code.total), 0)::bigint AS total
FROM codes CROSS JOIN LATERAL (
    SELECT count(*) AS total FROM codelogs WHERE code_id = codes.id
) AS of_code
WHERE codes.project_uuid = %(project_uuid)s

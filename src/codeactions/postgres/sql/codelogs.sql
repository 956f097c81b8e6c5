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

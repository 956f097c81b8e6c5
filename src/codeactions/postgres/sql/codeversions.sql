-- Versions of codes. Their rows are made by triggers (migration 19).

-- name: describe
UPDATE code_versions
SET author = %(author)s, message = %(message)s, artifact = %(artifact)s, created_at = %(at)s
WHERE code_id = %(code_id)s AND number = %(number)s

-- name: prune
-- The newest ones stay, and the current one, however old it is.
DELETE FROM code_versions
WHERE code_id = %(code_id)s AND number <> %(current)s AND number <= (
    SELECT number FROM code_versions WHERE code_id = %(code_id)s ORDER BY number DESC LIMIT 1 OFFSET %(keep)s
)

-- name: page
SELECT code_id, number, kept.language, source_sha256, coalesce(octet_length(kept.source), 0) AS size, author, message,
       artifact, number = codes.version AS current, kept.created_at
FROM code_versions AS kept JOIN codes ON codes.id = code_id
WHERE code_id = %(code_id)s
ORDER BY number DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total FROM code_versions WHERE code_id = %(code_id)s

-- name: get
SELECT code_id, number, kept.language, source_sha256, coalesce(octet_length(kept.source), 0) AS size, author, message,
       artifact, number = codes.version AS current, kept.created_at, kept.source
FROM code_versions AS kept JOIN codes ON codes.id = code_id
WHERE code_id = %(code_id)s AND number = %(number)s

-- name: number_before
SELECT max(number) AS number FROM code_versions WHERE code_id = %(code_id)s AND number < %(number)s

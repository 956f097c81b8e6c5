-- Everything that is encrypted with the server's key, in two tables. The first nine bytes name the key.

-- name: lock
-- Of the session, since a rotation has many transactions.
SELECT pg_try_advisory_lock(hashtextextended('codeactions rotation of keys', 0)) AS locked

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended('codeactions rotation of keys', 0))

-- name: tables
-- Before `codeactions adopt` a database may have neither.
SELECT to_regclass('project_values') IS NOT NULL AS has_values,
       to_regclass('code_protections') IS NOT NULL AS has_protections

-- name: sample_values
-- One of each key; of each form that does not name its key, some.
SELECT DISTINCT ON (substring(encrypted FROM 1 FOR 9)) id, project_uuid, name, encrypted
FROM project_values
WHERE encrypted IS NOT NULL
LIMIT 50

-- name: sample_protections
SELECT DISTINCT ON (substring(secret FROM 1 FOR 9)) code_id, secret AS encrypted
FROM code_protections
WHERE kind = 'hmac'
LIMIT 50

-- name: count_stale
SELECT (SELECT count(*) FROM project_values
        WHERE encrypted IS NOT NULL AND substring(encrypted FROM 1 FOR 9) <> %(newest)s)
     + (SELECT count(*) FROM code_protections
        WHERE kind = 'hmac' AND substring(secret FROM 1 FOR 9) <> %(newest)s) AS total

-- name: stale_values
SELECT id, project_uuid, name, encrypted
FROM project_values
WHERE encrypted IS NOT NULL AND substring(encrypted FROM 1 FOR 9) <> %(newest)s
  AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY id
LIMIT %(limit)s
FOR UPDATE

-- name: stale_protections
SELECT code_id, secret AS encrypted
FROM code_protections
WHERE kind = 'hmac' AND substring(secret FROM 1 FOR 9) <> %(newest)s
  AND (%(after)s::uuid IS NULL OR code_id > %(after)s)
ORDER BY code_id
LIMIT %(limit)s
FOR UPDATE

-- name: replace_values
UPDATE project_values
SET encrypted = fresh.encrypted
FROM unnest(%(ids)s::uuid[], %(encrypted)s::bytea[]) AS fresh (id, encrypted)
WHERE project_values.id = fresh.id

-- name: replace_protections
UPDATE code_protections
SET secret = fresh.encrypted
FROM unnest(%(ids)s::uuid[], %(encrypted)s::bytea[]) AS fresh (id, encrypted)
WHERE code_protections.code_id = fresh.id

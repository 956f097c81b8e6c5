-- Secrets and variables of projects. The size of a secret is that of what is encrypted: identity/cipher.py adds a fixed
-- number of bytes.

-- name: lock
-- One writer of a project's values at a time: their number and their size are bounded together.
SELECT pg_advisory_xact_lock(hashtextextended('codeactions values ' || %(project_uuid)s, 0))

-- name: create
INSERT INTO project_values (id, project_uuid, name, kind, encrypted, plain, code_ids, created_at, updated_at)
VALUES (%(id)s, %(project_uuid)s, %(name)s, %(kind)s, %(encrypted)s, %(plain)s, %(code_ids)s,
        %(created_at)s, %(updated_at)s)
ON CONFLICT (project_uuid, name) DO NOTHING
RETURNING id

-- name: get
SELECT id, project_uuid, name, kind, plain, code_ids, created_at, updated_at,
       coalesce(octet_length(plain), octet_length(encrypted) - %(overhead)s) AS size
FROM project_values
WHERE id = %(id)s AND kind = %(kind)s

-- name: find
SELECT id, project_uuid, name, kind, plain, code_ids, created_at, updated_at,
       coalesce(octet_length(plain), octet_length(encrypted) - %(overhead)s) AS size
FROM project_values
WHERE project_uuid = %(project_uuid)s AND name = %(name)s

-- name: page
SELECT id, project_uuid, name, kind, plain, code_ids, created_at, updated_at,
       coalesce(octet_length(plain), octet_length(encrypted) - %(overhead)s) AS size
FROM project_values
WHERE project_uuid = %(project_uuid)s AND kind = %(kind)s
ORDER BY name, id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total FROM project_values WHERE project_uuid = %(project_uuid)s AND kind = %(kind)s

-- name: use
SELECT count(*) AS number,
       coalesce(sum(coalesce(octet_length(plain), octet_length(encrypted) - %(overhead)s)), 0)::bigint AS size
FROM project_values
WHERE project_uuid = %(project_uuid)s

-- name: names
SELECT id, name, kind FROM project_values WHERE project_uuid = %(project_uuid)s ORDER BY name

-- name: codes_of
SELECT id FROM codes WHERE project_uuid = %(project_uuid)s AND id = ANY (%(code_ids)s)

-- name: change_value
UPDATE project_values SET encrypted = %(encrypted)s, plain = %(plain)s, updated_at = %(updated_at)s WHERE id = %(id)s

-- name: change_codes
UPDATE project_values SET code_ids = %(code_ids)s, updated_at = %(updated_at)s WHERE id = %(id)s

-- name: delete
DELETE FROM project_values WHERE id = %(id)s AND kind = %(kind)s RETURNING id

-- name: of_project
SELECT id, project_uuid, name, kind, encrypted, plain, code_ids
FROM project_values
WHERE project_uuid = %(project_uuid)s
ORDER BY name

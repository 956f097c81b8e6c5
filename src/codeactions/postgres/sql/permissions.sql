-- The table user_permissions. Triggers (migration 9) keep it equal to the authorizations of projects.

-- name: create
-- The callers hold the lock of all writers (projects.sql): this needs no unique index, which another's table may lack.
INSERT INTO user_permissions (id, project_uuid, email, role, created_at, updated_at)
SELECT %(id)s, %(project_uuid)s::varchar, %(email)s::varchar, %(role)s, %(created_at)s, %(updated_at)s
WHERE NOT EXISTS (
    SELECT 1 FROM user_permissions
    WHERE project_uuid = %(project_uuid)s::varchar AND email = %(email)s::varchar
)
ON CONFLICT DO NOTHING
RETURNING id

-- name: put
-- The same.
WITH there AS (
    UPDATE user_permissions SET role = %(role)s, updated_at = %(updated_at)s
    WHERE project_uuid = %(project_uuid)s::varchar AND email = %(email)s::varchar
    RETURNING id
), made AS (
    INSERT INTO user_permissions (id, project_uuid, email, role, created_at, updated_at)
    SELECT %(id)s, %(project_uuid)s::varchar, %(email)s::varchar, %(role)s, %(created_at)s, %(updated_at)s
    WHERE NOT EXISTS (SELECT 1 FROM there)
    RETURNING id
)
SELECT id FROM there UNION ALL SELECT id FROM made

-- name: get
SELECT id, project_uuid, email, role, created_at, updated_at FROM user_permissions WHERE id = %(id)s

-- name: of_user
SELECT id, project_uuid, email, role, created_at, updated_at
FROM user_permissions
WHERE project_uuid = %(project_uuid)s AND lower(email) = lower(%(email)s)
ORDER BY role DESC, id

-- name: page
SELECT id, project_uuid, email, role, created_at, updated_at
FROM user_permissions
WHERE project_uuid = %(project_uuid)s
ORDER BY email, id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total FROM user_permissions WHERE project_uuid = %(project_uuid)s

-- name: update
UPDATE user_permissions SET role = %(role)s, updated_at = %(updated_at)s WHERE id = %(id)s RETURNING id

-- name: delete
DELETE FROM user_permissions WHERE id = %(id)s RETURNING id

-- name: remove
DELETE FROM user_permissions WHERE project_uuid = %(project_uuid)s AND lower(email) = lower(%(email)s) RETURNING id

-- name: roles_of
-- If there are rows for two spellings of one address, the higher role counts. A number that is no role is none.
SELECT project_uuid, max(role) AS role
FROM user_permissions
WHERE lower(email) = lower(%(email)s) AND role BETWEEN 1 AND 3 AND project_uuid IS NOT NULL
GROUP BY project_uuid

-- Projects. Triggers (migration 9) keep their authorizations equal to user_permissions.

-- name: create
INSERT INTO projects (id, uuid, name, authorizations, created_at, updated_at)
VALUES (%(id)s, %(uuid)s, %(name)s, %(authorizations)s, %(created_at)s, %(updated_at)s)
ON CONFLICT (uuid) DO NOTHING
RETURNING id

-- name: get
SELECT id, uuid, name, authorizations, created_at, updated_at FROM projects WHERE uuid = %(uuid)s

-- name: lock
-- The triggers of projects and permissions take the same lock (migration 9), so all writers wait for its holder.
SELECT pg_advisory_xact_lock(hashtextextended('codeactions permissions', 0))

-- name: hold
SELECT id FROM projects WHERE uuid = %(uuid)s FOR KEY SHARE

-- name: hold_alone
SELECT id FROM projects WHERE uuid = %(uuid)s FOR UPDATE

-- name: page
-- uuids: those that the caller may see; NULL: all.
SELECT id, uuid, name, authorizations, created_at, updated_at
FROM projects
WHERE %(uuids)s::text[] IS NULL OR uuid = ANY (%(uuids)s)
ORDER BY created_at, id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total FROM projects WHERE %(uuids)s::text[] IS NULL OR uuid = ANY (%(uuids)s)

-- name: update
UPDATE projects
SET name = %(name)s, authorizations = %(authorizations)s, updated_at = %(updated_at)s
WHERE uuid = %(uuid)s
RETURNING id

-- name: rename
-- Authorizations that stay the same are not written: they may hold what this server would write otherwise.
UPDATE projects SET name = %(name)s, updated_at = %(updated_at)s WHERE uuid = %(uuid)s RETURNING id

-- name: count_codes
SELECT count(*) AS total FROM codes WHERE project_uuid = %(uuid)s

-- name: delete
DELETE FROM projects WHERE uuid = %(uuid)s RETURNING id

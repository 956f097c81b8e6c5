-- The audit log. A trigger (migration 12) refuses everything but INSERT.

-- name: add
INSERT INTO audit_log (id, at, actor_kind, actor, address, action, thing, thing_id, project_uuid, details)
VALUES (%(id)s, %(at)s, %(actor_kind)s, %(actor)s, %(address)s, %(action)s, %(thing)s, %(thing_id)s, %(project_uuid)s,
        %(details)s)

-- name: page
SELECT id, at, actor_kind, actor, address, action, thing, thing_id, project_uuid, details
FROM audit_log
WHERE (%(project_uuid)s::text IS NULL OR project_uuid = %(project_uuid)s)
  AND (%(thing_id)s::text IS NULL OR thing_id = %(thing_id)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(after)s::timestamptz IS NULL OR at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR at < %(before)s)
ORDER BY at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total
FROM audit_log
WHERE (%(project_uuid)s::text IS NULL OR project_uuid = %(project_uuid)s)
  AND (%(thing_id)s::text IS NULL OR thing_id = %(thing_id)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(after)s::timestamptz IS NULL OR at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR at < %(before)s)

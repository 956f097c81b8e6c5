-- The table identity_events: the state of each project by the identity system's messages.

-- name: get
SELECT snapshot, pending FROM identity_events WHERE project_uuid = %(project_uuid)s

-- name: put
INSERT INTO identity_events (project_uuid, snapshot, pending, updated_at)
VALUES (%(project_uuid)s, %(snapshot)s, %(pending)s, %(updated_at)s)
ON CONFLICT (project_uuid) DO UPDATE
SET snapshot = excluded.snapshot, pending = excluded.pending, updated_at = excluded.updated_at

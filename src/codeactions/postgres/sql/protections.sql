-- The protections of endpoints.

-- name: get
SELECT code_id, kind, username, secret, header, created_at, updated_at
FROM code_protections
WHERE code_id = %(code_id)s

-- name: put
INSERT INTO code_protections (code_id, kind, username, secret, header, created_at, updated_at)
VALUES (%(code_id)s, %(kind)s, %(username)s, %(secret)s, %(header)s, %(created_at)s, %(updated_at)s)
ON CONFLICT (code_id) DO UPDATE
SET kind = excluded.kind, username = excluded.username, secret = excluded.secret, header = excluded.header,
    updated_at = excluded.updated_at

-- name: delete
DELETE FROM code_protections WHERE code_id = %(code_id)s RETURNING code_id

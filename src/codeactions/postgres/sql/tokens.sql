-- API tokens.

-- name: create
INSERT INTO api_tokens (id, name, sha256, email, project_uuid, role, manage_tokens, created_by, created_at, expires_at)
VALUES (%(id)s, %(name)s, %(sha256)s, %(email)s, %(project_uuid)s, %(role)s, %(manage_tokens)s, %(created_by)s,
        %(created_at)s, %(expires_at)s)

-- name: get
SELECT id, name, sha256, email, project_uuid, role, manage_tokens, created_by, created_at, expires_at, last_used_at,
       revoked_at
FROM api_tokens
WHERE id = %(id)s

-- name: by_digest
SELECT id, name, sha256, email, project_uuid, role, manage_tokens, created_by, created_at, expires_at, last_used_at,
       revoked_at
FROM api_tokens
WHERE sha256 = %(sha256)s

-- name: page
SELECT id, name, sha256, email, project_uuid, role, manage_tokens, created_by, created_at, expires_at, last_used_at,
       revoked_at
FROM api_tokens
WHERE (%(email)s::text IS NULL OR lower(email) = lower(%(email)s))
  AND (%(project_uuid)s::text IS NULL OR project_uuid = %(project_uuid)s)
ORDER BY created_at DESC, id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count
SELECT count(*) AS total
FROM api_tokens
WHERE (%(email)s::text IS NULL OR lower(email) = lower(%(email)s))
  AND (%(project_uuid)s::text IS NULL OR project_uuid = %(project_uuid)s)

-- name: live_of
SELECT id, name, sha256, email, project_uuid, role, manage_tokens, created_by, created_at, expires_at, last_used_at,
       revoked_at
FROM api_tokens
WHERE project_uuid = %(project_uuid)s AND revoked_at IS NULL
ORDER BY id

-- name: revoke
UPDATE api_tokens SET revoked_at = %(at)s WHERE id = %(id)s AND revoked_at IS NULL RETURNING id

-- name: note_use
UPDATE api_tokens
SET last_used_at = used.at
FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) AS used (id, at)
WHERE api_tokens.id = used.id AND (last_used_at IS NULL OR last_used_at < used.at)

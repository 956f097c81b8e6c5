-- Sessions, to tell a pooler's from those of the server.

-- name: backend
-- The process of the server that serves this session.
SELECT pg_backend_pid() AS pid

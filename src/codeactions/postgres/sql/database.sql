-- The database server.

-- name: version
SELECT current_setting('server_version') AS version

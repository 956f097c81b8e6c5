-- The database server.

-- name: check
-- The server's version, and as JSON the rows of a query: what is missing of a schema, given as %(schema)s.
SELECT current_setting('server_version') AS version,
       (SELECT coalesce(json_agg(json_build_array(kind, table_name, name, type, found)), '[]') FROM ({query}) AS missing)
           AS missing

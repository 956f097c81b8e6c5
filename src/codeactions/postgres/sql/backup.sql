-- Examination of a database before a backup is restored into it.

-- name: contents
-- The objects of the database, except those of extensions: a hosting service may put extensions into any database.
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY c.relkind = 'S', n.nspname, c.relname

-- name: servers
-- The connected codeactions servers. A server may have opened the database before it makes its tables.
SELECT a.pid
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database() AND a.application_name = 'codeactions'

-- name: unknown_settings
SELECT given.name FROM unnest(%(names)s::text[]) AS given (name) WHERE current_setting(given.name, true) IS NULL

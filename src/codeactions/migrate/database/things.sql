-- What a JSON array of [kind, table, name, type] has and the database has not, or not as it should be.
-- Types are compared by their kind: a time without a zone for one with it, or text for varchar, can be worked with.
-- `not null`: a column that must be given, of which the array knows nothing.
WITH wanted AS (
    SELECT item ->> 0 AS kind, item ->> 1 AS table_name, item ->> 2 AS name, item ->> 3 AS type,
           (SELECT oid FROM pg_class
            WHERE oid = to_regclass(quote_ident(item ->> 1)) AND relkind IN ('r', 'p', 'v', 'f')) AS relation
    FROM jsonb_array_elements({things}::jsonb) AS item
), compared AS (
    SELECT kind, table_name, wanted.name, type, format_type(a.atttypid, a.atttypmod) AS found,
           CASE kind
               WHEN 'table' THEN relation IS NOT NULL
               WHEN 'column' THEN coalesce(
                   own.typcategory = must.typcategory AND (own.typcategory <> 'U' OR own.typname = must.typname), false)
               WHEN 'trigger' THEN EXISTS (
                   SELECT FROM pg_trigger WHERE tgrelid = relation AND tgname = wanted.name AND NOT tgisinternal)
               -- Not EXISTS, for which all functions of the database would be looked at.
               ELSE coalesce(
                   (SELECT true FROM pg_proc WHERE proname = wanted.name AND pg_function_is_visible(oid) LIMIT 1), false)
           END AS good
    FROM wanted
    LEFT JOIN pg_attribute AS a
        ON kind = 'column' AND attrelid = relation AND attname = wanted.name AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_type AS own ON own.oid = atttypid
    LEFT JOIN pg_type AS must ON must.oid = to_regtype(nullif(type, ''))
)
SELECT kind, table_name, name, type, found FROM compared WHERE NOT good
UNION ALL
SELECT 'not null', table_name, attname, '', ''
FROM wanted JOIN pg_attribute ON attrelid = relation
WHERE kind = 'table' AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''
  AND NOT EXISTS (SELECT FROM wanted AS known WHERE known.table_name = wanted.table_name AND known.name = attname)

-- The table `secrets` of the Go service, whose values are plain text. Sent by `codeactions adopt` in the transaction that
-- puts the version right: the connection is that of `migrate`, which has no parameters, so literals take their places.
-- Texts come as hexadecimal digits of UTF-8, whatever the encoding of the connection. Columns may have other types than
-- the service's, such as uuid.

-- name: tables
-- Whether the table is there in the service's shape, and whether ours is there.
SELECT (SELECT count(*) FROM pg_attribute
        WHERE attrelid = to_regclass('secrets') AND attnum > 0 AND NOT attisdropped
          AND attname IN ('id', 'name', 'value', 'project_uuid')) = 4,
       to_regclass('project_values') IS NOT NULL

-- name: listed
SELECT encode(convert_to(project_uuid::text, 'UTF8'), 'hex'), encode(convert_to(name::text, 'UTF8'), 'hex'),
       octet_length(convert_to(value::text, 'UTF8')), false, 0, 0
FROM secrets
ORDER BY project_uuid, name, id

-- name: listed_beside_ours
SELECT encode(convert_to(theirs.project_uuid::text, 'UTF8'), 'hex'), encode(convert_to(theirs.name::text, 'UTF8'), 'hex'),
       octet_length(convert_to(theirs.value::text, 'UTF8')), ours.id IS NOT NULL,
       coalesce(use.number, 0), coalesce(use.size, 0)
FROM secrets AS theirs
LEFT JOIN project_values AS ours ON ours.project_uuid = theirs.project_uuid::text AND ours.name = theirs.name::text
LEFT JOIN (
    SELECT project_uuid, count(*) AS number,
           sum(coalesce(octet_length(plain), octet_length(encrypted) - {overhead})) AS size
    FROM project_values
    GROUP BY project_uuid
) AS use ON use.project_uuid = theirs.project_uuid::text
ORDER BY theirs.project_uuid, theirs.name, theirs.id

-- name: contents
-- Without the values that are not copied for their size: twice such a one may be more than a row can have.
SELECT encode(convert_to(project_uuid::text, 'UTF8'), 'hex'), encode(convert_to(name::text, 'UTF8'), 'hex'),
       encode(convert_to(value::text, 'UTF8'), 'hex'),
       to_jsonb(secrets) ->> 'created_at', to_jsonb(secrets) ->> 'updated_at'
FROM secrets
WHERE octet_length(convert_to(value::text, 'UTF8')) <= {longest}
ORDER BY project_uuid, name, id

-- name: insert
INSERT INTO project_values (id, project_uuid, name, kind, encrypted, created_at, updated_at)
SELECT id, project_uuid, name, 'secret', decode(encrypted, 'hex'),
       coalesce(created_at, now()), coalesce(updated_at, created_at, now())
FROM jsonb_to_recordset({rows}::jsonb)
     AS fresh (id uuid, project_uuid text, name text, encrypted text, created_at timestamptz, updated_at timestamptz)

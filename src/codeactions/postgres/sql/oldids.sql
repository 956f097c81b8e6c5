-- Old ids, which only tables of the Go service have. There both columns are UNIQUE, and so have an index. Where they are
-- not, the caller takes the lowest id: sorted here, a plan may read the whole table in the order of `id` instead.

-- name: columns
SELECT name,
       EXISTS (
           SELECT 1 FROM pg_attribute
           WHERE attrelid = to_regclass(name) AND attname = 'mongo_object_id' AND NOT attisdropped
       ) AS there,
       EXISTS (
           SELECT 1 FROM pg_attribute
           WHERE attrelid = to_regclass(name) AND attname = 'code_mongo_id' AND NOT attisdropped
       ) AS links
FROM unnest(ARRAY['codes', 'coderuns']) AS name

-- name: codes
SELECT id FROM codes WHERE mongo_object_id = %(old_id)s LIMIT 100

-- name: coderuns
SELECT id FROM coderuns WHERE mongo_object_id = %(old_id)s LIMIT 100

-- A project's authorizations and the rows of user_permissions say the same. Whichever is written, by this server, by
-- another program or at psql, the other follows in the same transaction.
--
-- Writing authorizations makes the rows just these; making a project whose rows came before it keeps them, unless its
-- authorizations name the user. Addresses are compared as they are written here: the server writes small letters.
-- What another program has put into authorizations and can be no row stays there, after the others. It gives no right.

-- One transaction after the other: each must see all that the one before it wrote. Before any row is locked, or two could
-- wait for each other. ProjectStore.lock takes the same lock.
CREATE FUNCTION permissions_in_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('codeactions permissions', 0));
    RETURN NULL;
END
$$;

CREATE TRIGGER user_permissions_in_turn
BEFORE INSERT OR UPDATE OR DELETE ON user_permissions
FOR EACH STATEMENT EXECUTE FUNCTION permissions_in_turn();

CREATE TRIGGER projects_in_turn
BEFORE INSERT OR UPDATE OR DELETE ON projects
FOR EACH STATEMENT EXECUTE FUNCTION permissions_in_turn();

-- Whether one of a project's authorizations can be a row.
CREATE FUNCTION is_permission(item jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        jsonb_typeof(item -> 'email') = 'string' AND length(item ->> 'email') <= 255 AND item -> 'role' IN ('1', '2', '3'), false
    )
$$;

-- The authorizations of the project of this uuid: its rows, in the order that the server uses, too, and what of those that
-- are stored can be no row. Of a user who has a row, or had one until this change (gone), the row counts.
CREATE FUNCTION project_authorizations(project VARCHAR, stored jsonb, gone TEXT[] DEFAULT '{}')
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT (
        SELECT coalesce(jsonb_agg(jsonb_build_object('email', email, 'role', role) ORDER BY email COLLATE "C", role), '[]')
        FROM user_permissions
        WHERE project_uuid = project
    ) || (
        SELECT coalesce(jsonb_agg(item ORDER BY place), '[]')
        FROM jsonb_path_query(stored, '$[*]') WITH ORDINALITY AS one (item, place)
        WHERE NOT is_permission(item)
          AND item <> 'null'
          -- Where all can be rows, as nearly always, these are not even read.
          AND coalesce(item -> 'email' NOT IN (
              SELECT coalesce(to_jsonb(email), 'null')
              FROM (SELECT email FROM user_permissions WHERE project_uuid = project UNION ALL SELECT unnest(gone)) AS member
          ), true)
    )
$$;

-- What of a project's authorizations can be a row. A user who is named twice gets the lower role: nobody meant more.
CREATE FUNCTION project_permissions(authorizations jsonb, OUT email text, OUT role integer)
RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    SELECT item ->> 'email', min((item ->> 'role')::numeric)::integer
    FROM jsonb_path_query(authorizations, '$[*]') AS item
    WHERE is_permission(item)
    GROUP BY item ->> 'email'
$$;

-- What one statement changed, all at once: going through all that a project has for each row of it would be quadratic.
-- changed: the rows as they came or went; of an UPDATE, as they were, and changed_to as they are.
CREATE FUNCTION user_permissions_agree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    uuids VARCHAR[];
    emails TEXT[];
    touched VARCHAR;
    told JSONB;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(DISTINCT project_uuid), array_agg(DISTINCT lower(email)) INTO uuids, emails
        FROM (SELECT project_uuid, email FROM changed UNION SELECT project_uuid, email FROM changed_to) AS one;
    ELSE
        SELECT array_agg(DISTINCT project_uuid), array_agg(DISTINCT lower(email)) INTO uuids, emails FROM changed;
    END IF;
    -- One by one: found by its uuid however many there are, and locked in their order.
    FOR touched IN SELECT uuid FROM unnest(uuids) AS uuid WHERE uuid IS NOT NULL ORDER BY uuid LOOP
        SELECT project_authorizations(
            touched, authorizations, ARRAY(SELECT email::text FROM changed WHERE project_uuid = touched)
        )
        INTO told
        FROM projects
        WHERE uuid = touched;
        UPDATE projects
        SET authorizations = told, updated_at = now()
        WHERE uuid = touched AND authorizations IS DISTINCT FROM told;
    END LOOP;
    -- Reading all roles again costs a server less than hearing of ten thousand addresses.
    IF cardinality(emails) > 100 THEN
        emails := '{*}';
    END IF;
    PERFORM pg_notify('codeactions_permissions', email) FROM unnest(emails) AS email WHERE email IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER user_permissions_agree_on_insert
AFTER INSERT ON user_permissions REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION user_permissions_agree();

CREATE TRIGGER user_permissions_agree_on_update
AFTER UPDATE ON user_permissions REFERENCING OLD TABLE AS changed NEW TABLE AS changed_to
FOR EACH STATEMENT EXECUTE FUNCTION user_permissions_agree();

CREATE TRIGGER user_permissions_agree_on_delete
AFTER DELETE ON user_permissions REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION user_permissions_agree();

-- enable_nestloop: a plan made while a project had few rows must not compare each of ten thousand with each.
CREATE FUNCTION projects_agree() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    told JSONB;
BEGIN
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND OLD.uuid <> NEW.uuid THEN
        DELETE FROM user_permissions WHERE project_uuid = OLD.uuid;
    END IF;
    -- Here the two triggers, each of which writes what the other is for, come to an end.
    IF TG_OP = 'DELETE' OR NEW.authorizations IS NOT DISTINCT FROM project_authorizations(NEW.uuid, NEW.authorizations) THEN
        RETURN NULL;
    END IF;
    -- In one statement, so that the other trigger sees the rows only when all are right. First those that go (the count):
    -- a trigger of somebody else's may give a new row the address of one of them.
    WITH wanted AS MATERIALIZED (
        SELECT email, role FROM project_permissions(NEW.authorizations)
    ), gone AS (
        DELETE FROM user_permissions AS there
        WHERE TG_OP = 'UPDATE'
          AND there.project_uuid = NEW.uuid
          AND NOT EXISTS (SELECT 1 FROM wanted WHERE wanted.email = there.email)
        RETURNING there.id
    ), changed AS (
        UPDATE user_permissions AS there
        SET role = wanted.role, updated_at = now()
        FROM wanted
        WHERE there.project_uuid = NEW.uuid
          AND there.email = wanted.email
          AND there.role IS DISTINCT FROM wanted.role
    )
    INSERT INTO user_permissions (id, project_uuid, email, role, created_at, updated_at)
    SELECT gen_random_uuid(), NEW.uuid, wanted.email, wanted.role, now(), now()
    FROM wanted
    WHERE (SELECT count(*) FROM gone) >= 0
      AND NOT EXISTS (
          SELECT 1 FROM user_permissions AS there WHERE there.project_uuid = NEW.uuid AND there.email = wanted.email
      );
    -- Rows that were there before, duplicates, another order: the project tells what the rows say now. Not if it was
    -- written as it was: then a trigger of somebody else's wants it so, and would for ever.
    IF TG_OP = 'INSERT' OR OLD.authorizations IS DISTINCT FROM NEW.authorizations THEN
        told := project_authorizations(NEW.uuid, NEW.authorizations);
        UPDATE projects SET authorizations = told WHERE uuid = NEW.uuid AND authorizations IS DISTINCT FROM told;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER projects_agree
AFTER INSERT OR UPDATE OF uuid, authorizations ON projects
FOR EACH ROW EXECUTE FUNCTION projects_agree();

-- What a trigger of somebody else's changed, though the statement does not name it.
CREATE TRIGGER projects_agree_on_update
AFTER UPDATE ON projects
FOR EACH ROW WHEN (OLD.uuid IS DISTINCT FROM NEW.uuid OR OLD.authorizations IS DISTINCT FROM NEW.authorizations)
EXECUTE FUNCTION projects_agree();

CREATE TRIGGER projects_agree_on_delete
AFTER DELETE ON projects
FOR EACH ROW EXECUTE FUNCTION projects_agree();

-- What is there already: the rows, which permissions were always checked by; the authorizations where a project has none.
INSERT INTO user_permissions (id, project_uuid, email, role, created_at, updated_at)
SELECT gen_random_uuid(), uuid, wanted.email, wanted.role, now(), now()
FROM projects, project_permissions(authorizations) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM user_permissions AS there WHERE there.project_uuid = projects.uuid);

UPDATE projects
SET authorizations = project_authorizations(uuid, authorizations)
WHERE authorizations IS DISTINCT FROM project_authorizations(uuid, authorizations);

-- An identity token may spell an address with other letters than the row.
CREATE INDEX idx_user_permissions_lower_email ON user_permissions (lower(email));

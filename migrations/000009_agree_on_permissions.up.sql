-- A project's authorizations and the rows of user_permissions say the same. Whichever is written, by this server, by
-- another program or at psql, the other follows in the same transaction.
--
-- Writing authorizations makes the rows just these; making a project whose rows came before it keeps them, unless its
-- authorizations name the user. Addresses are compared as they are written here: the server writes small letters.

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

-- Who is in a project of which uuid, from the rows. In the order that the server uses, too.
CREATE FUNCTION project_authorizations(project VARCHAR) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('email', email, 'role', role) ORDER BY email COLLATE "C"), '[]')
    FROM user_permissions
    WHERE project_uuid = project
$$;

-- What of a project's authorizations can be a row. A user who is named twice gets the lower role: nobody meant more.
CREATE FUNCTION project_permissions(authorizations jsonb, OUT email text, OUT role integer)
RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    SELECT item ->> 'email', min((item ->> 'role')::numeric)::integer
    FROM jsonb_path_query(
        authorizations, '$[*] ? (@.email.type() == "string" && (@.role == 1 || @.role == 2 || @.role == 3))'
    ) AS item
    GROUP BY item ->> 'email'
$$;

CREATE FUNCTION user_permissions_agree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched VARCHAR;
BEGIN
    FOR touched IN
        SELECT DISTINCT uuid FROM unnest(ARRAY[
            CASE WHEN TG_OP <> 'INSERT' THEN OLD.project_uuid END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW.project_uuid END
        ]) AS uuid WHERE uuid IS NOT NULL ORDER BY uuid
    LOOP
        UPDATE projects
        SET authorizations = project_authorizations(touched), updated_at = now()
        WHERE uuid = touched AND authorizations IS DISTINCT FROM project_authorizations(touched);
    END LOOP;
    PERFORM pg_notify('codeactions_permissions', lower(email))
    FROM (VALUES
        (CASE WHEN TG_OP <> 'INSERT' THEN OLD.email END),
        (CASE WHEN TG_OP <> 'DELETE' THEN NEW.email END)
    ) AS emails (email)
    WHERE email IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER user_permissions_agree
AFTER INSERT OR UPDATE OR DELETE ON user_permissions
FOR EACH ROW EXECUTE FUNCTION user_permissions_agree();

CREATE FUNCTION projects_agree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM user_permissions WHERE project_uuid = OLD.uuid;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.uuid <> NEW.uuid THEN
            DELETE FROM user_permissions WHERE project_uuid = OLD.uuid;
        END IF;
        DELETE FROM user_permissions
        WHERE project_uuid = NEW.uuid
          AND email NOT IN (SELECT wanted.email FROM project_permissions(NEW.authorizations) AS wanted);
    END IF;
    UPDATE user_permissions
    SET role = wanted.role, updated_at = now()
    FROM project_permissions(NEW.authorizations) AS wanted
    WHERE project_uuid = NEW.uuid AND user_permissions.email = wanted.email AND user_permissions.role <> wanted.role;
    INSERT INTO user_permissions (id, project_uuid, email, role, created_at, updated_at)
    SELECT gen_random_uuid(), NEW.uuid, wanted.email, wanted.role, now(), now()
    FROM project_permissions(NEW.authorizations) AS wanted
    WHERE NOT EXISTS (
        SELECT 1 FROM user_permissions AS there WHERE there.project_uuid = NEW.uuid AND there.email = wanted.email
    );
    -- Rows that were there before, duplicates, another order: the project tells what the rows say now.
    UPDATE projects
    SET authorizations = project_authorizations(NEW.uuid)
    WHERE uuid = NEW.uuid AND authorizations IS DISTINCT FROM project_authorizations(NEW.uuid);
    RETURN NULL;
END
$$;

-- pg_trigger_depth() > 0: it is a trigger that writes them, to follow the rows.
CREATE TRIGGER projects_agree
AFTER INSERT OR UPDATE OF uuid, authorizations ON projects
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION projects_agree();

CREATE TRIGGER projects_agree_on_delete
AFTER DELETE ON projects
FOR EACH ROW EXECUTE FUNCTION projects_agree();

-- What is there already: the rows, which permissions were always checked by; the authorizations where a project has none.
INSERT INTO user_permissions (id, project_uuid, email, role, created_at, updated_at)
SELECT gen_random_uuid(), uuid, wanted.email, wanted.role, now(), now()
FROM projects, project_permissions(authorizations) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM user_permissions AS there WHERE there.project_uuid = projects.uuid);

UPDATE projects
SET authorizations = project_authorizations(uuid)
WHERE authorizations IS DISTINCT FROM project_authorizations(uuid);

-- An identity token may spell an address with other letters than the row.
CREATE INDEX idx_user_permissions_lower_email ON user_permissions (lower(email));

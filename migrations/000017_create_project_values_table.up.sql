-- The named values that the runs of a project are given. One table for both kinds, since a name has one meaning.
--   secret:   encrypted with the server's key; its own id, kind, project and name are part of the encryption
--   variable: plain
CREATE TABLE project_values (
    id           UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    project_uuid VARCHAR(255) NOT NULL,
    name         VARCHAR(255) NOT NULL,
    kind         VARCHAR(50)  NOT NULL,
    encrypted    BYTEA,
    plain        TEXT,
    -- The codes that get the value; null: every code of the project.
    code_ids     UUID[],
    created_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    CONSTRAINT idx_project_values_unique_project_name UNIQUE (project_uuid, name),
    CONSTRAINT project_values_kind_check CHECK (kind IN ('secret', 'variable')),
    CONSTRAINT project_values_encrypted_check CHECK ((kind = 'secret') = (encrypted IS NOT NULL)),
    CONSTRAINT project_values_plain_check CHECK ((kind = 'variable') = (plain IS NOT NULL))
);

-- Servers keep the values of a project in memory.
CREATE FUNCTION project_values_notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('codeactions_values', OLD.project_uuid);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('codeactions_values', NEW.project_uuid);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER project_values_notify_change
AFTER INSERT OR UPDATE OR DELETE ON project_values
FOR EACH ROW EXECUTE FUNCTION project_values_notify_change();

-- The values of a project go with it: a project made later under the same uuid is another one.
CREATE FUNCTION projects_drop_values() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM project_values WHERE project_uuid = OLD.uuid;
    RETURN NULL;
END
$$;

CREATE TRIGGER projects_drop_values
AFTER DELETE ON projects
FOR EACH ROW EXECUTE FUNCTION projects_drop_values();

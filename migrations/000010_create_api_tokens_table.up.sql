-- An API token: for a user (email) or of a project (project_uuid). Of the token itself only the SHA-256 is kept, which
-- is enough of 256 random bits. A revoked one stays, for the record.
CREATE TABLE api_tokens (
    id           UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name         VARCHAR(255) NOT NULL,
    sha256       BYTEA        NOT NULL,
    email        VARCHAR(255),
    project_uuid VARCHAR(255),
    -- The most it may do, whatever the user may; of a project's token, what it is there.
    role         INTEGER      NOT NULL,
    created_by   VARCHAR(255) NOT NULL,
    created_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ,
    CONSTRAINT idx_api_tokens_sha256 UNIQUE (sha256),
    CONSTRAINT api_tokens_sha256_check CHECK (length(sha256) = 32),
    CONSTRAINT api_tokens_role_check CHECK (role BETWEEN 1 AND 3),
    CONSTRAINT api_tokens_owner_check CHECK ((email IS NULL) <> (project_uuid IS NULL))
);

CREATE INDEX idx_api_tokens_email ON api_tokens (email);
CREATE INDEX idx_api_tokens_project_uuid ON api_tokens (project_uuid);

-- Servers keep tokens in memory. Use alone is no change that they must hear of.
CREATE FUNCTION api_tokens_notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('codeactions_tokens', encode(OLD.sha256, 'hex'));
    RETURN NULL;
END
$$;

CREATE TRIGGER api_tokens_notify_change
AFTER UPDATE OF name, sha256, email, project_uuid, role, expires_at, revoked_at OR DELETE ON api_tokens
FOR EACH ROW EXECUTE FUNCTION api_tokens_notify_change();

-- The tokens of a project go with it: a project made later under the same uuid is another one.
CREATE FUNCTION projects_drop_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_tokens SET revoked_at = now() WHERE project_uuid = OLD.uuid AND revoked_at IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER projects_drop_tokens
AFTER DELETE ON projects
FOR EACH ROW EXECUTE FUNCTION projects_drop_tokens();

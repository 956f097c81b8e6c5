-- Who did what to which thing, when and from where. Written in the transaction of the deed; never changed.
CREATE TABLE audit_log (
    id           UUID         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    at           TIMESTAMPTZ  NOT NULL DEFAULT now(),
    actor_kind   VARCHAR(50)  NOT NULL,
    actor        VARCHAR(255) NOT NULL,
    address      VARCHAR(255) NOT NULL DEFAULT '',
    action       VARCHAR(50)  NOT NULL,
    thing        VARCHAR(50)  NOT NULL,
    thing_id     VARCHAR(255) NOT NULL,
    project_uuid VARCHAR(255),
    details      JSONB        NOT NULL DEFAULT '{}'
);

CREATE INDEX idx_audit_log_at ON audit_log (at);
CREATE INDEX idx_audit_log_project_uuid_at ON audit_log (project_uuid, at);
CREATE INDEX idx_audit_log_thing_id ON audit_log (thing_id);

-- SQLSTATE RS002, of the class that the state machine of runs uses (migration 7).
CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RS002',
        MESSAGE = 'the audit log can only be added to',
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_log_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

-- What the identity system's messages said of a project that this database does not yet show, so that messages may come
-- twice and in any order. snapshot: the SHA-256 of the last list of authorizations that was taken over; the same list
-- again changes nothing. pending: {email: role, or null for none}, of messages that came before the project did.
CREATE TABLE identity_events (
    project_uuid VARCHAR(255) NOT NULL PRIMARY KEY,
    snapshot     BYTEA,
    pending      JSONB        NOT NULL DEFAULT '{}',
    updated_at   TIMESTAMPTZ  NOT NULL DEFAULT now()
);

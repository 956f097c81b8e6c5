-- Who may call an endpoint, where that is not everybody: a code without a row is public.
--   token: callers whose API token or identity token lets them run the code
--   basic: who knows the user name and the password, of which a salted hash is kept
--   hmac:  who signs the body; the secret is encrypted with the server's key, since checking a signature needs it
CREATE TABLE code_protections (
    code_id    UUID         NOT NULL PRIMARY KEY REFERENCES codes (id) ON DELETE CASCADE,
    kind       VARCHAR(50)  NOT NULL,
    username   VARCHAR(255),
    secret     BYTEA,
    header     VARCHAR(255),
    created_at TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ  NOT NULL DEFAULT now(),
    CONSTRAINT code_protections_kind_check CHECK (kind IN ('token', 'basic', 'hmac')),
    CONSTRAINT code_protections_secret_check CHECK ((kind = 'token') = (secret IS NULL)),
    CONSTRAINT code_protections_username_check CHECK ((kind = 'basic') = (username IS NOT NULL)),
    CONSTRAINT code_protections_header_check CHECK ((kind = 'hmac') = (header IS NOT NULL))
);

-- Servers keep the protection with the code: who changes the one, changes the other.
CREATE FUNCTION code_protections_notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('codeactions_codes', CASE TG_OP WHEN 'DELETE' THEN OLD.code_id ELSE NEW.code_id END::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER code_protections_notify_change
AFTER INSERT OR UPDATE OR DELETE ON code_protections
FOR EACH ROW EXECUTE FUNCTION code_protections_notify_change();

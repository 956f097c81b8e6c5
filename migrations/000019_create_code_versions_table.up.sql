-- Each source that a code has had: what to go back to, and what a run of then ran. Kept by triggers, so that changes by
-- other programs are kept, too.
CREATE TABLE code_versions (
    code_id       UUID        NOT NULL REFERENCES codes (id) ON DELETE CASCADE,
    number        INTEGER     NOT NULL,
    source        TEXT,
    language      VARCHAR(50),
    source_sha256 VARCHAR(64) NOT NULL,
    author        VARCHAR(255),
    message       TEXT,
    artifact      VARCHAR(64),
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (code_id, number),
    CONSTRAINT code_versions_message_check CHECK (char_length(message) <= 500)
);

-- By a default, and not by an UPDATE: triggers of other programs do not fire, and no row is written.
ALTER TABLE codes ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

INSERT INTO code_versions (code_id, number, source, language, source_sha256, created_at)
SELECT id, 1, source, language, encode(sha256(convert_to(coalesce(source, ''), 'UTF8')), 'hex'),
       coalesce(updated_at, now())
FROM codes;

-- The number of a code's version is decided here alone. A row that is changed is locked, so no number is given twice.
CREATE FUNCTION codes_number_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := 1;
    ELSIF NEW.version IS DISTINCT FROM OLD.version AND EXISTS (
        SELECT 1 FROM code_versions AS kept
        WHERE kept.code_id = NEW.id AND kept.number = NEW.version
          AND kept.source IS NOT DISTINCT FROM NEW.source AND kept.language IS NOT DISTINCT FROM NEW.language
    ) THEN
        RETURN NEW; -- a rollback: what is live again has its number
    ELSIF NEW.source IS DISTINCT FROM OLD.source OR NEW.language IS DISTINCT FROM OLD.language THEN
        NEW.version := 1 + greatest(
            OLD.version, (SELECT max(kept.number) FROM code_versions AS kept WHERE kept.code_id = NEW.id)
        );
    ELSE
        NEW.version := OLD.version;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER codes_number_new
BEFORE INSERT ON codes
FOR EACH ROW EXECUTE FUNCTION codes_number_version();

CREATE TRIGGER codes_number_changed
BEFORE UPDATE ON codes
FOR EACH ROW WHEN (
    OLD.source IS DISTINCT FROM NEW.source
    OR OLD.language IS DISTINCT FROM NEW.language
    OR OLD.version IS DISTINCT FROM NEW.version
)
EXECUTE FUNCTION codes_number_version();

CREATE FUNCTION codes_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO code_versions (code_id, number, source, language, source_sha256)
    VALUES (NEW.id, NEW.version, NEW.source, NEW.language,
            encode(sha256(convert_to(coalesce(NEW.source, ''), 'UTF8')), 'hex'))
    ON CONFLICT (code_id, number) DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER codes_keep_first_version
AFTER INSERT ON codes
FOR EACH ROW EXECUTE FUNCTION codes_keep_version();

CREATE TRIGGER codes_keep_version
AFTER UPDATE ON codes
FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version)
EXECUTE FUNCTION codes_keep_version();

-- Servers also keep which code has which name. A new code may have a name that was the only one of its kind.
CREATE FUNCTION codes_notify_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('codeactions_codes', NEW.id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER codes_notify_new
AFTER INSERT ON codes
FOR EACH ROW EXECUTE FUNCTION codes_notify_new();

-- queued -> started -> completed | failed, and a finished run never changes. The server's statements
-- say so themselves (WHERE status = ...); this is the net below them, for a second node that was
-- believed dead, a hand-written UPDATE, a bug.
--
-- The WHEN condition is evaluated without calling the function, so the legal path does not pay for
-- plpgsql. queued -> failed is legal: a run can be cancelled before it starts.
--
-- SQLSTATE RS001 ("run state"): class RS is in the range that the SQL standard leaves to
-- implementations (classes beginning with I to Z) and PostgreSQL does not use it.
--
-- Deleting a run stays possible. A later migration that has to rewrite finished runs disables the
-- trigger for its own transaction: ALTER TABLE coderuns DISABLE TRIGGER coderuns_protect_states.
CREATE FUNCTION coderuns_protect_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RS001',
        MESSAGE = CASE OLD.status
            WHEN 'started' THEN format('run %s is started and cannot go back to %s', OLD.id, NEW.status)
            ELSE format('run %s is %s and a finished run never changes', OLD.id, OLD.status)
        END,
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME,
        COLUMN = 'status';
END
$$;

CREATE TRIGGER coderuns_protect_states
    BEFORE UPDATE ON coderuns
    FOR EACH ROW
    WHEN (OLD.status IN ('completed', 'failed') OR (OLD.status = 'started' AND NEW.status = 'queued'))
    EXECUTE FUNCTION coderuns_protect_states();

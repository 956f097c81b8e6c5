-- Servers keep codes in memory. Whoever changes or deletes one, another node or a person at psql, must be heard.
-- The channel's payload is the code's id. Delivered when the change commits.
CREATE FUNCTION codes_notify_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('codeactions_codes', OLD.id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER codes_notify_change
AFTER UPDATE OR DELETE ON codes
FOR EACH ROW EXECUTE FUNCTION codes_notify_change();

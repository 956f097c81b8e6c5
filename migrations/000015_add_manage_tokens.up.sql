-- The right of a user's token to manage the tokens of the projects that its user moderates. Only the administrator gives
-- it, when the token is made. Without it no token manages tokens.
ALTER TABLE api_tokens
    ADD COLUMN manage_tokens BOOLEAN NOT NULL DEFAULT false,
    ADD CONSTRAINT api_tokens_manage_tokens_check CHECK (NOT manage_tokens OR (email IS NOT NULL AND role = 3));

-- As before, and for the new column: servers keep tokens in memory.
DROP TRIGGER api_tokens_notify_change ON api_tokens;

CREATE TRIGGER api_tokens_notify_change
AFTER UPDATE OF name, sha256, email, project_uuid, role, expires_at, revoked_at, manage_tokens OR DELETE ON api_tokens
FOR EACH ROW EXECUTE FUNCTION api_tokens_notify_change();

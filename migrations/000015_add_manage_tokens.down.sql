DROP TRIGGER api_tokens_notify_change ON api_tokens;
CREATE TRIGGER api_tokens_notify_change
AFTER UPDATE OF name, sha256, email, project_uuid, role, expires_at, revoked_at OR DELETE ON api_tokens
FOR EACH ROW EXECUTE FUNCTION api_tokens_notify_change();
ALTER TABLE api_tokens DROP COLUMN manage_tokens;

DROP TRIGGER projects_drop_tokens ON projects;
DROP FUNCTION projects_drop_tokens();
DROP TABLE api_tokens;
DROP FUNCTION api_tokens_notify_change();

DROP TRIGGER codes_notify_change ON codes;
DROP FUNCTION notify_code_change();

DROP TRIGGER codes_notify_change ON codes;
DROP FUNCTION codes_notify_change();

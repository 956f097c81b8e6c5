DROP TABLE code_protections;
DROP FUNCTION code_protections_notify_change();

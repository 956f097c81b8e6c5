DROP TRIGGER projects_drop_values ON projects;
DROP FUNCTION projects_drop_values();
DROP TABLE project_values;
DROP FUNCTION project_values_notify_change();

DROP INDEX idx_codes_project_name;
ALTER TABLE codes DROP COLUMN mask_result, DROP COLUMN description;

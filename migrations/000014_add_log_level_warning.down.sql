-- Before, what is a warning now was logged as an error. No line is lost.
ALTER TABLE codelogs DROP CONSTRAINT codelogs_type_check;
UPDATE codelogs SET type = 'error' WHERE type = 'warning';
ALTER TABLE codelogs ADD CONSTRAINT codelogs_type_check CHECK (type IN ('debug', 'info', 'error'));

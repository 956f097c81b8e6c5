ALTER TABLE codes DROP COLUMN timezone;

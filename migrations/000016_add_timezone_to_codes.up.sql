-- The time zone in which a code's runs see the clock; null is the server's own setting.
ALTER TABLE codes ADD COLUMN timezone VARCHAR(64);

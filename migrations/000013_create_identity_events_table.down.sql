DROP TABLE identity_events;

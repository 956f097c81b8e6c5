"""Access to the database: address, connection, SQL, lock, version table, history, drop."""

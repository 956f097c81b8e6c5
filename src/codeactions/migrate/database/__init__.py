"""Everything that talks to the database: address, connection, lock, version table, history, drop."""

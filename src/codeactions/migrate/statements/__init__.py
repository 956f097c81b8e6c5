"""The statements in a migration file, and whether they can share a transaction."""

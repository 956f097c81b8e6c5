"""What is in a migration file: its statements, and whether they can share a transaction."""

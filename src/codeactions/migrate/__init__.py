"""Database migrations in golang-migrate's format: files, version table, lock, plan, apply."""

"""Database migrations in golang-migrate's format: the command `migrate`, and the same as calls.

The package stands by itself: it imports nothing else of codeactions but the version number (in `about`). The rest of
codeactions imports `codeactions.migrate.api` and nothing below it.
"""

"""What `migrate` takes, next to golang-migrate's statements and to bare interpreters: `python -m bench.migrate`."""

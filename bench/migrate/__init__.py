"""The bench of `migrate`, next to golang-migrate's statements and bare interpreters: `python -m bench.migrate`."""

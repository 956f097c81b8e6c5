"""What JavaScript and Go cost, next to a process or a sandbox for each call: `python -m bench.languages`."""

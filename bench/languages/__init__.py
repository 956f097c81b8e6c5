"""The bench of JavaScript and Go, next to a process or a sandbox for each call: `python -m bench.languages`."""

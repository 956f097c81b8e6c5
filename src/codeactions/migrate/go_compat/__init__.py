"""Compatibility with golang-migrate: Go's flags, URLs, time layouts, durations and its drivers' words."""

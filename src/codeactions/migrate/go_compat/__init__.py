"""Compatibility with golang-migrate, and nothing else: Go's flags, URLs, time layouts, durations and its drivers' words."""

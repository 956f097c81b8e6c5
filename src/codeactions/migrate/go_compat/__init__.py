"""What is kept for golang-migrate's sake only: Go's flags, URLs, time layouts, durations and its drivers' words."""

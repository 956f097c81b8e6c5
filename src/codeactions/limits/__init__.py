"""Rate limits: quotas of calls a minute, and the counting of calls."""

"""The domain: codes, runs, logs and callers, and the rules they follow.

It does no I/O and imports no other package of this project.
"""

"""What callers may ask for, one module a kind of thing: checked against their roles, done, and noted in the audit log.

Routes, the command line and events come in here, so that a rule cannot be forgotten by one of them.
"""

"""The services: what callers may ask for, one module a kind of thing. Each checks the role, acts, and notes the change.

Routes, the command line and events all come in here, so that a rule cannot be forgotten by one of them.
"""

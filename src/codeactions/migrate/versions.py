"""The range of version numbers."""

NIL_VERSION = -1
"""The version of a database in which nothing is applied."""
# The version column is a bigint.
MAX_VERSION = 2**63 - 1

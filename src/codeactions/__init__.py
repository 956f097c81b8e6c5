"""codeactions: small functions, each call in a fresh sandbox, each run on record."""

__version__ = "0.1.0"

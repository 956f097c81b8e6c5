"""The `codeactions` command line."""

"""`python -m codeactions` is `codeactions`."""

from codeactions.cli.main import main

main()

"""Go: compiled when it is deployed, and each run executes the program that came of it."""

"""The command's output on a terminal or in a file, and the signals that it gets."""

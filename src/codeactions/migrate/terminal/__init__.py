"""What the command shows on a terminal or in a file, and the signals it gets."""

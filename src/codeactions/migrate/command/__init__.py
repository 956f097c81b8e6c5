"""The command line `migrate`: flags, commands, what is printed, signals."""

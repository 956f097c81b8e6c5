"""One node of the service, wired together."""

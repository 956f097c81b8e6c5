"""Migration files: those in a folder, and new ones."""

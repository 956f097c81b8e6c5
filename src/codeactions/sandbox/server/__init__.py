"""The server's side of the sandbox: the pool of slots and the launcher's process."""

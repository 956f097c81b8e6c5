"""How a process is walled off from the host and from every other run.

Knows nothing of codes, HTTP or PostgreSQL. The launcher and the zygotes import only this package
and the standard library, so what hostile code finds in its own memory is this source and nothing else.
"""

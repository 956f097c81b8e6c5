"""Isolation of runs from the host and from each other. Knows nothing of codes, HTTP or PostgreSQL.

server/: the server's side: the pool of slots, the zygotes it has opened, the launcher process it talks to.
inside/: the processes that isolate and start runs: supervisor, launcher, zygote, run.
config, channel and descriptors: what both sides say to each other, how, and over which descriptors.

The supervisor, the launcher and the zygotes import only inside/, config, channel, descriptors, the runtimes' workers,
the charsets of the domain and the standard library, so what hostile code finds in its own memory is this source alone.

Every page of a zygote's memory is paid for in every fork, so what a zygote imports is kept small: config, channel,
descriptors and all of inside/ do without dataclasses, pathlib and typing, which together add 3 MB and a quarter to the
cost of a run.
"""

"""How a process is walled off from the host and from every other run.

Knows nothing of codes, HTTP or PostgreSQL. The launcher and the zygotes import only this package and the
standard library, so what hostile code finds in its own memory is this source and nothing else.

Every page of a zygote's memory is paid for in every fork, so what a zygote imports is kept small: modules
`config` to `zygote` (all but `process` and `pool`, the server's side) do without dataclasses, pathlib and typing,
which together add 3 MB and a quarter to the cost of a run.
"""

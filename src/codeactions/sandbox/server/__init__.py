"""The server's side of the sandbox.

pool, turns: slots, and the callers that wait for one.
sandbox, warm_sandboxes, warm_target: one sandbox, those that are kept ready, and how many of them.
zygotes: the zygotes that are open, and when one that died is tried again.
launcher_process, outbox: the launcher as a process, and the messages on their way to it.
"""

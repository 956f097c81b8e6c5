"""Paths: where Bun and the engine are inside the walls."""

PROGRAM = "/runtimes/bun"
ENGINE = "/runtimes/javascript"
WORKER = f"{ENGINE}/worker.js"
# Bun reserves a gigabyte for compiled code; where memory is limited by an rlimit alone, that switches its compiler
# off. Bun does not promise to keep this setting: the trial (runtime.py) sees whether a hot loop is still compiled.
ENVIRONMENT = {
    "BUN_JSC_jitMemoryReservationSize": str(64 * 1024 * 1024),
    "BUN_RUNTIME_TRANSPILER_CACHE_PATH": "0",  # it would write one into the home folder
    "DO_NOT_TRACK": "1",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "TMPDIR": "/tmp",
    "USER": "sandbox",
}

"""The processes that isolate and start runs: supervisor, launcher, zygote, run.

supervisor: keeps the host's view and privileges; starts the launcher (launcher_start), has roots built for the
    launcher and the zygotes (root_builder, rootfs), removes the cgroups.
launcher: forks zygotes, passes runs on to them, kills and reaps runs.
zygote: forks runs, which isolate themselves (isolation, seccomp) before they read anything.
syscalls and cgroups: the kernel's side of it.
"""

"""Python on this node: the interpreter that runs the server, and which of its files runs see."""

import glob
import os
import sys
import sysconfig

from codeactions.runtimes.runtime import Form, Runtime


def find() -> Runtime:
    """Return the interpreter that runs this server. It needs no trial: the test of the walls is a run in it."""
    version = sys.version.split()[0]
    return Runtime(
        language="python",
        version=version,
        detail=sys.executable,
        zygote="codeactions.runtimes.python.worker",
        build="codeactions.runtimes.python.build",
        form=Form.SOURCE,
        fingerprint=f"python {version}",
        exposed=exposed_paths(),
        hidden=hidden_paths(),
    )


def exposed_paths() -> tuple[str, ...]:
    """Return the folders and files that runs may read: the interpreter, its standard library and its libraries.

    Those of the server's virtual environment are not among them: its packages are none of a run's business.
    """
    interpreter = os.path.realpath(sys.executable)
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    paths = {os.path.dirname(os.__file__), sysconfig.get_path("platstdlib", vars=base), interpreter}
    if sys.base_prefix != "/usr":  # whose lib folders every run sees anyway
        paths |= {f"{sys.base_prefix}/lib", f"{sys.base_prefix}/lib64"}
    return tuple(sorted(path for path in paths if path and os.path.exists(path)))


def hidden_paths() -> tuple[str, ...]:
    """Return the folders among those in which packages are installed. They may hold this very package."""
    prefixes = {sys.base_prefix, "/usr"}
    return tuple(
        sorted(
            path
            for prefix in prefixes
            for lib in ("lib", "lib64")
            for kind in ("site-packages", "dist-packages")
            for path in glob.glob(f"{prefix}/{lib}/python*/{kind}")
        )
    )

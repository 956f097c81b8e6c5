"""What the sandbox has to know to run Python: the zygote's module, and the interpreter's files."""

import glob
import os
import sys
import sysconfig

from codeactions.runtimes.runtime import Form, Runtime


def find() -> Runtime:
    """The interpreter that runs this server."""
    version = sys.version.split()[0]
    return Runtime(
        language="python",
        version=version,
        detail=sys.executable,
        zygote="codeactions.runtimes.python.worker",
        form=Form.SOURCE,
        fingerprint=f"python {version}",
        exposed=exposed_paths(),
        hidden=hidden_paths(),
    )


def exposed_paths() -> tuple[str, ...]:
    """Folders and files of the interpreter that runs may read: its standard library and libraries, and itself.

    Not those of the server's virtual environment: its packages are none of a run's business.
    """
    interpreter = os.path.realpath(sys.executable)
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    paths = {os.path.dirname(os.__file__), sysconfig.get_path("platstdlib", vars=base), interpreter}
    if sys.base_prefix != "/usr":  # whose lib folders every run sees anyway
        paths |= {f"{sys.base_prefix}/lib", f"{sys.base_prefix}/lib64"}
    return tuple(sorted(path for path in paths if path and os.path.exists(path)))


def hidden_paths() -> tuple[str, ...]:
    """Folders among those where installed packages are, this one perhaps included: none of a run's business."""
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

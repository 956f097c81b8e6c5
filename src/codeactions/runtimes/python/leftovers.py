"""Work that a Python run leaves unfinished when it ends, and that is lost then: one warning in its log tells of it.

Imported in the zygote and used inside runs; needs the standard library alone.
"""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from threading import Thread
    from typing import Any

# A thread that has done its work and is about to end, or to wait for more, is looked at so often, so many seconds
# apart. On a busy machine, where it has to wait for its turn, each look takes longer as well.
_LOOKS = 10
_BREATH = 0.001
_MOST_NAMES = 5
_never_awaited: list[str] = []


def watch_coroutines() -> None:
    """Take note of coroutines that are never awaited, in the place of the interpreter's own warning."""
    import warnings

    warnings._warn_unawaited_coroutine = _note  # type: ignore[attr-defined]


def _note(coroutine: Any) -> None:
    _never_awaited.append(getattr(coroutine, "__qualname__", type(coroutine).__name__))


def tasks_in_loop() -> int:
    """Return how many other tasks the running event loop has; 0 if none runs."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return 0
    return len(asyncio.all_tasks()) - 1


def warning(tasks: int) -> str:
    """Return what to tell of the work that is left, beside so many tasks; "" if there is none."""
    threads = _threads_at_work() if _thread._count() else 0
    if not tasks and not threads and not _never_awaited:
        return ""
    parts = [_counted(tasks, "task"), _counted(threads, "thread")]
    if _never_awaited:
        names = ", ".join(dict.fromkeys(_never_awaited[:_MOST_NAMES])) + ", …" * (len(_never_awaited) > _MOST_NAMES)
        parts.append(f"{_counted(len(_never_awaited), 'coroutine')} never awaited ({names})")
    told = ", ".join(part for part in parts if part)
    return f"the run ended and left unfinished: {told}. Wait for such work, or give it to engine.background"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}" if number else ""


def _threads_at_work() -> int:
    threading = sys.modules.get("threading")
    if threading is None:
        return 0
    busy = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    for look in range(_LOOKS + 1):
        busy = [one for one in busy if one.is_alive() and not _is_idle(one)]
        if not busy or look == _LOOKS:
            break
        threading.Thread.join(busy[0], _BREATH)  # a class of the code's own may have another `join`
    return len(busy)


def _is_idle(thread: Thread) -> bool:
    """Return whether a thread is one of a pool, and waits for work."""
    if type(thread).__module__ == "concurrent.futures.process":
        return True
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return False
    code = frame.f_code
    return code.co_name == "_worker" and code.co_filename.replace("\\", "/").endswith("concurrent/futures/thread.py")

"""The end of a Go program that its engine could not catch: a panic outside of Run's goroutine, or a fatal error."""

from codeactions.domain.run import ErrorType, RunError

_STATUS = 2  # an action may exit with it as well, but not after such words
_BEGINNINGS = ("panic: ", "fatal error: ", "runtime: goroutine stack exceeds")
_NO_MEMORY = ("fatal error: runtime: out of memory", "fatal error: runtime: cannot allocate memory")


def explain(status: int, lines: list[str]) -> RunError | None:
    """Return the crash that Go printed on standard error; None if it did not crash."""
    begin = next((number for number, line in enumerate(lines) if line.startswith(_BEGINNINGS)), None)
    if status != _STATUS or begin is None:
        return None
    said = lines[begin:]
    if any(line.startswith(_NO_MEMORY) for line in said):
        return RunError(ErrorType.MEMORY, "the run used more memory than it may")
    message = next((line for line in said if line.startswith(_BEGINNINGS[:2])), said[0])
    return RunError(ErrorType.EXCEPTION, message, "\n".join(said) + "\n")

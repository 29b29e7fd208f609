"""What is said to a caller instead of an answer, and of a failure that was the sandbox's doing."""

import time


class Refused(Exception):
    """A request that cannot be answered: the status, a code as MLflow spells it, and one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def bad(message: str) -> Refused:
    """Return the refusal of an input."""
    return Refused(400, "BAD_REQUEST", message)


def withheld(why: BaseException) -> str:
    """Return, in a sentence, what the machine did not give the model: a file, a connection, memory; empty for others.

    Looks through what the failure was raised from, so that a model that wraps the error is understood too.
    """
    seen: BaseException | None = why
    while seen is not None:
        if isinstance(seen, (OSError, MemoryError)):
            at = time.strftime("%H:%M:%S UTC", time.gmtime())
            said = f"{type(seen).__name__}: {seen}".strip(": ")
            return f"At {at} a request failed because the model was not given what it reached for: {said[:300]}"
        seen = seen.__cause__ or seen.__context__
    return ""

"""What is said to a caller instead of an answer."""


class Refused(Exception):
    """A request that cannot be answered: the status, a code as MLflow spells it, and one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def bad(message: str) -> Refused:
    """Return the refusal of an input."""
    return Refused(400, "BAD_REQUEST", message)

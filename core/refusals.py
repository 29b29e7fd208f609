"""What a service raises when it will not do what was asked. `web.errors` turns each kind into one HTTP status."""

from typing import ClassVar


class Refusal(Exception):
    """A refusal: `message` says why, `next_step` what the caller can do. Nothing was changed."""

    kind: ClassVar[str] = "refusal"

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    @property
    def sentence(self) -> str:
        """Message and next step as one text."""
        return f"{self.message} {self.next_step}".strip()


class Invalid(Refusal):
    """The input is malformed. `field` names the part."""

    kind = "invalid"

    def __init__(self, message: str, *, field: str = "", next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.field = field


class AlreadyExists(Refusal):
    """A thing of that name is there."""

    kind = "already_exists"


class Unauthenticated(Refusal):
    """Nobody is signed in, or the credentials are wrong."""

    kind = "unauthenticated"


class Denied(Refusal):
    """The person may not do this. `needs` names the permission; `about` is what it was asked on, for the ledger."""

    kind = "denied"

    def __init__(self, message: str, *, needs: str = "", next_step: str = "", about: object = None) -> None:
        super().__init__(message, next_step=next_step)
        self.needs = needs
        self.about = about


class NotFound(Refusal):
    """There is no such thing, or the caller may not see it."""

    kind = "not_found"


class Conflict(Refusal):
    """The thing is in a state that does not allow this."""

    kind = "conflict"


class LengthRequired(Refusal):
    """The input does not say how long it is, so a part of it cannot be told from the whole."""

    kind = "length_required"


class TooLarge(Refusal):
    """The input is over a stated limit."""

    kind = "too_large"

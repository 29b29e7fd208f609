"""What a form shows again after it was refused: the values typed and the error at each field."""

from dataclasses import dataclass, field

from django.http import HttpRequest

from core.refusals import Invalid, Refusal


@dataclass
class Field:
    """One field as the template needs it."""

    value: object = ""
    errors: list[str] = field(default_factory=list)


class Form(dict[str, Field]):
    """Fields by name; `non_field_errors` holds what belongs to none."""

    def __init__(self, **values: object) -> None:
        super().__init__({name: Field(value) for name, value in values.items()})
        self.non_field_errors: list[str] = []

    def blame(self, refusal: Refusal) -> None:
        """Put the refusal at its field, or on top."""
        name = refusal.field if isinstance(refusal, Invalid) else ""
        if name in self:
            self[name].errors.append(refusal.sentence)
        else:
            self.non_field_errors.append(refusal.sentence)

    @property
    def errors(self) -> list[dict[str, str]]:
        """All errors for the summary on top, each with the id of its field."""
        at_fields = [{"field": f"id_{name}", "message": e} for name, field in self.items() for e in field.errors]
        return at_fields + [{"field": "", "message": e} for e in self.non_field_errors]


def posted(request: HttpRequest, name: str) -> str:
    """Return a posted value without spaces around it; NUL characters, which no database takes, are dropped."""
    return request.POST.get(name, "").replace("\0", "").strip()


def whole_number(text: str, field_name: str, low: int, high: int) -> int:
    """Return `text` as a number from `low` to `high`; raise Invalid otherwise."""
    if not text.isascii() or not text.isdigit() or len(text) > 15 or not low <= int(text) <= high:  # noqa: PLR2004 - fits
        raise Invalid(f"Give a whole number from {low} to {high}.", field=field_name)
    return int(text)


def seen_number(request: HttpRequest, name: str) -> int | None:
    """Return the number that stood on the page when it was opened, or None where the form carries none."""
    text = posted(request, name)
    return whole_number(text, name, 0, 2**31) if text else None

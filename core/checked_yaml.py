"""Holds a text in strict YAML to a JSON schema, and says what is wrong at each line."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from core.refusals import Invalid
from core.strict_yaml import Problem, Read, Unreadable, read

KINDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
WORDS = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false",
         "integer": "a whole number", "number": "a number"}  # fmt: skip


class BadText(Invalid):
    """The text is not what it should be, `what`; `problems` says why, by line."""

    what = "text"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"This is no {self.what}: " + "; ".join(map(str, problems)) + ".", field="text")
        self.problems = problems


def normal(text: str) -> str:
    """Return `text` with the line ends that every editor agrees on, so that one text has one digest."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"


def checked(
    text: str,
    validator: Draft202012Validator,
    bad: type[BadText],
    nonsense: Callable[[Read], Iterator[Problem]],
) -> Any:
    """Return what `text` says; raise `bad` with all that is wrong in it.

    `nonsense` yields what no line shows alone; it is asked about texts that fit the schema.
    """
    try:
        found = read(text)
    except Unreadable as why:
        raise bad([why.problem]) from why
    problems = sorted({p for error in validator.iter_errors(found.value) for p in _problems(error, found)})
    problems = problems or sorted(nonsense(found))
    if problems:
        raise bad(problems)
    return found.value


def _problems(error: ValidationError, found: Read) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties":
        known = ", ".join(schema["properties"])
        for key in sorted(set(error.instance) - set(schema["properties"])):
            yield found.problem((*path, key), f"unknown key '{key}'; here belong {known}")
    elif error.validator == "required":
        for key in sorted(set(error.validator_value) - set(error.instance)):
            yield found.problem(path, f"'{key}' is missing")
    else:
        yield found.problem(path, _sentence(error, schema))


def _sentence(error: ValidationError, schema: Mapping[str, Any]) -> str:
    name, wanted = f"'{error.absolute_path[-1]}' " if error.absolute_path else "", error.validator_value
    if error.validator == "type":
        return f"{name}has to be {WORDS[wanted]}, not {KINDS.get(type(error.instance), 'empty')}"
    if error.validator in {"enum", "const"}:
        choices = wanted if error.validator == "enum" else [wanted]
        return f"{name}has to be {' or '.join(map(str, choices))}, not {error.instance}"
    if error.validator == "pattern":
        return f"{name}has to be {schema['description']}"
    if error.validator in {"oneOf", "dependentRequired"}:
        return str(schema["description"])
    return f"{name}is refused: {error.message}"

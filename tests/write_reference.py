"""Writes the tables of docs/reference that the code knows better: `python -m tests.write_reference`, or `make docs`.

Only what stands between the two marks changes. With `--check` nothing is written; each stale page is named.
"""

import inspect
import os
import re
import shutil
import sys
from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.core.management import BaseCommand, get_commands, load_command_class
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from accounts.permissions import GRANTED, Permission, needed_scope
from accounts.roles import Role
from audit.catalogue import EVENTS
from config.env import SETTINGS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
BEGIN, END = "<!-- begin generated -->", "<!-- end generated -->"
OUR_APPS = {"accounts", "audit", "config", "registry", "web"}
MLFLOW = "/api/2.0/mlflow"
BESIDE = ("/get-artifact", "/model-versions/get-artifact")


def row(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table."""
    return [row(*heads), "|" + "---|" * len(heads), *(row(*cells) for cells in rows)]


def code(text: str) -> str:
    """Return `text` as code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def first_line(documented: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(documented) or "").split("\n", 1)[0]


# ── Settings, events, permissions ────────────────────────────────────────────────────────────────────────────────


def setting_lines() -> list[str]:
    """Return the rows of `config.env.SETTINGS`."""
    rows = [(code(one.name), code(one.default) or "unset", one.doc) for one in SETTINGS]
    return table(("setting", "default", "what it does"), rows)


def event_lines() -> list[str]:
    """Return the rows of `audit.catalogue.EVENTS`."""
    rows = [(code(name), "… " + sentence.format(object="*object*")) for name, sentence in EVENTS.items()]
    return table(("event", "reads as"), rows)


def access_lines() -> list[str]:
    """Return who holds what, and the scope a token needs for it."""
    rows = [
        (code(one), *("✓" if one in GRANTED[role] else "" for role in Role), code(needed_scope(one)))
        for one in Permission
    ]
    return table(("permission", *(role.label for role in Role), "token scope"), rows)


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────


def command_lines() -> list[str]:
    """Return our own management commands with their options."""
    lines: list[str] = []
    for name in sorted(name for name, app in get_commands().items() if app in OUR_APPS):
        command = load_command_class(str(get_commands()[name]), name)
        options = [action for action in parser_of(command, name)._actions if action.dest not in standard()]
        usage = " ".join(["manage.py", name, *map(shown, options)])
        rows = [(code(", ".join(action.option_strings) or action.dest), action.help or "") for action in options]
        lines += [f"## {name}", "", command.help, "", f"    {usage}", ""]
        lines += [*table(("word", "meaning"), rows), ""] if any(meaning for _, meaning in rows) else []
    return lines[:-1]


def parser_of(command: BaseCommand, name: str) -> ArgumentParser:
    """Return the parser of a command's words."""
    return command.create_parser("manage.py", name)


def standard() -> set[str]:
    """Return what each of Django's commands takes."""
    return {action.dest for action in parser_of(BaseCommand(), "any")._actions}


def shown(action: Action) -> str:
    """Return one word of a usage line."""
    value = "|".join(map(str, action.choices)) if action.choices else str(action.metavar or action.dest).upper()
    if not action.option_strings:
        return value
    words = action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"
    return f"[{words}]" + ("…" if isinstance(action.default, list) else "")


# ── Routes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Route:
    """An address, the methods it says it takes, and what it does."""

    address: str
    methods: str
    about: str


def routes() -> list[Route]:
    """Return every route of the resolver; the twins below /ajax-api/ are left out where /api/ has them."""
    found = {(route.address, route.methods): route for route in reversed([*walked(get_resolver().url_patterns, "/")])}
    known = {address for address, _ in found}
    return [route for route in reversed(found.values()) if twin(route.address) not in known]


def twin(address: str) -> str:
    """Return the address below /api/ of one below /ajax-api/."""
    return address.replace("/ajax-api/", "/api/", 1) if address.startswith("/ajax-api/") else ""


def walked(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    """Yield the routes of `patterns` below `prefix`."""
    for pattern in patterns:
        address = prefix + re.sub(r"^\^|\$$|\\Z$", "", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from walked(pattern.url_patterns, address)
        else:
            yield from described(address, pattern)


def described(address: str, pattern: URLPattern) -> Iterator[Route]:
    """Yield one route for each function behind the address."""
    view = pattern.callback
    if address.startswith("/admin/"):
        yield Route(address, "", (pattern.name or "").replace("_", " "))
        return
    said = closed_over(view)
    if handlers := said.get("handlers"):
        for method in sorted(handlers):
            yield Route(address, method, first_line(handlers[method]))
        return
    shown_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    methods = said.get("request_method_list") or list(getattr(view, "actions", None) or methods_of(shown_class))
    yield Route(address, ", ".join(sorted(methods)), first_line(view) or first_line(shown_class))


def methods_of(view: type[Any] | None) -> list[str]:
    """Return the methods a class-based view answers."""
    names = getattr(view, "http_method_names", ())
    return [name.upper() for name in names if hasattr(view, name) and name not in {"options", "head"}]


def closed_over(view: Any) -> dict[str, Any]:
    """Return what a view and those it wraps closed over: decorators keep their methods there."""
    found: dict[str, Any] = {}
    while inspect.isfunction(view):
        found = {**inspect.getclosurevars(view).nonlocals, **found}
        view = getattr(view, "__wrapped__", None)
    return found


FACES = (
    ("Administration", "/admin/"),
    ("Own REST", "/api/v1/"),
    ("MLflow's REST; the same below `/ajax-api/`", "/api/"),
    ("Pages and health", "/"),
)


def route_lines() -> list[str]:
    """Return a table for each face."""
    shares: dict[str, list[tuple[str, ...]]] = {face: [] for face, _ in reversed(FACES)}
    for one in routes():
        face = next(face for face, prefix in FACES if one.address.startswith(prefix))
        shares[face].append((code(one.address), one.methods or "any", one.about))
    lines: list[str] = []
    for face, rows in shares.items():
        lines += [f"## {face}", "", *table(("address", "methods", "what it does"), rows), ""]
    return lines[:-1]


def mlflow_lines() -> list[str]:
    """Return MLflow's addresses."""
    rows = [
        (f"{one.methods} {code(one.address.removeprefix('/api/'))}", one.about)
        for one in routes()
        if one.address.startswith(("/api/2.0/", "/api/3.0/", *BESIDE))
    ]
    return table(("call, below `/api/` and `/ajax-api/` but where it begins with `/`", "what it does"), rows)


def rest_lines() -> list[str]:
    """Return the operations of own REST from its OpenAPI document."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    rows = [
        (
            code(f"{method.upper()} {path}"),
            words_of(operation, schema),
            ", ".join(operation["responses"]),
            operation["description"],
        )
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return table(("call", "takes", "answers", "what it does"), rows)


def words_of(operation: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the query words and body fields an operation takes; `?` marks what may be left out."""
    query = [part["name"] for part in operation.get("parameters", ()) if part["in"] == "query"]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    body = schema["components"]["schemas"].get(name, {})
    needed = body.get("required", ())
    fields = [
        word if word in needed else f"{word}?"
        for word, said in body.get("properties", {}).items()
        if not said.get("readOnly")
    ]
    return ", ".join([*(f"{word}?" for word in query), *fields])


GENERATED: dict[str, Callable[[], list[str]]] = {
    "settings.md": setting_lines,
    "commands.md": command_lines,
    "events.md": event_lines,
    "access-matrix.md": access_lines,
    "routes.md": route_lines,
    "rest-api.md": rest_lines,
    "mlflow-compatibility.md": mlflow_lines,
}


def rewritten(text: str, lines: list[str]) -> str:
    """Return `text` with `lines` between its marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return "\n".join([head + BEGIN, "", *lines, "", END + tail])


def main(words: list[str]) -> int:
    """Write the pages, or with --check name those that are stale."""
    stale = []
    for name, lines in GENERATED.items():
        page = FOLDER / name
        text = page.read_text(encoding="utf-8")
        if (new := rewritten(text, lines())) != text:
            stale.append(name)
            if "--check" not in words:
                page.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name} {'is stale: run `make docs`' if '--check' in words else 'written'}")
    return int(bool(stale) and "--check" in words)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        shutil.rmtree(os.environ["TEST_SCRATCH"], ignore_errors=True)

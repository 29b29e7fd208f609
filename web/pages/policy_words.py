"""How pages tell a policy: in words, in a row, by numbered lines, against another text."""

import difflib
from collections.abc import Mapping
from datetime import timedelta

from registry.models import Policy, PolicyState, PolicyVersion
from registry.policies.documents import PolicyDocument, parse

Line = dict[str, object]


def row_of(policy: Policy) -> dict[str, object]:
    """Return what the list shows of a policy: its version in force, and the one that waits."""
    versions = {version.state: version for version in policy.versions.all()}
    active, waiting = versions.get(PolicyState.ACTIVE), versions.get(PolicyState.PROPOSED)
    row: dict[str, object] = {"name": policy.name, "waiting": waiting.number if waiting else 0, "state": "", "order": 0}
    if active is None:
        return row
    said = parse(active.text)
    return row | {
        "version": active.number,
        "state": PolicyState.ACTIVE if said.enabled else "off",
        "order": said.order,
        "models": ", ".join(said.models),
        "risk": sorted(said.risk),
        "actions": [str(action) for action in said.actions],
        "rules": [str(rule) for rule in said.rules],
        "checks": len(said.checks),
    }


def facts_of(version: PolicyVersion, said: PolicyDocument) -> list[dict[str, object]]:
    """Return what the policy asks for, as components/facts.html shows it."""
    told: dict[str, object] = {
        "Order": str(said.order),
        "For": ", ".join(map(str, said.actions)),
        "Models": ", ".join(said.models),
        "Risk tiers": ", ".join(sorted(said.risk)) or "all",
        "Approvals": ", ".join(map(str, said.rules)),
        "Checks": "; ".join(spec.title for spec in said.checks) or "none beside the usual",
        "Expires": f"after {_span(said.expires)}" if said.expires else "after the server's usual time",
        "Due": f"within {_span(said.due)}" if said.due else "no time set",
        "Wait": _span(said.wait) if said.wait else "none",
        "Freezes": "; ".join(map(str, said.freezes)) or "none",
        "Break-glass": "allowed" if said.break_glass else "forbidden",
    }
    return [
        *({"label": label, "value": value} for label, value in told.items()),
        {"label": "Text", "digest": version.digest},
    ]


def _span(span: timedelta) -> str:
    """Return a span as a policy writes it, in the largest unit that fits."""
    minutes = int(span.total_seconds()) // 60
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def numbered(text: str, notes: Mapping[int, str] | None = None) -> list[Line]:
    """Return the text by lines; `notes` say what is wrong at which."""
    wrong = notes or {}
    return [
        {"number": number, "text": line, "kind": "bad" if number in wrong else "", "note": wrong.get(number, "")}
        for number, line in enumerate(text.splitlines(), start=1)
    ]


def difference(before: str, after: str) -> list[Line]:
    """Return `after` by lines, what it adds to `before` marked, and between them what it takes away."""
    lines: list[Line] = []
    number = 0
    for told in difflib.ndiff(before.splitlines(), after.splitlines()):
        if told.startswith("?"):
            continue
        gone = told.startswith("-")
        number += not gone
        kind = "bad" if gone else "ok" if told.startswith("+") else ""
        lines.append({"number": "" if gone else number, "text": told[2:], "kind": kind, "note": ""})
    return lines

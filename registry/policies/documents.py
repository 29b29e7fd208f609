"""What a policy says. `parse` turns its text into it, or says what is wrong and on which line."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator

from core import clock
from core.checked_yaml import BadText, checked
from core.strict_yaml import Problem, Read

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
FACTS = {
    "signature": "Signature fits the champion's callers",
    "environment": "Environment locked",
    "scan": "Files scanned and clean",
    "card": "Model card complete",
    "artifact": "Files signed by their maker",
}
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class BadPolicy(BadText):
    """The text is no policy; `problems` says why, by line."""

    what = "policy"


@dataclass(frozen=True)
class Action:
    """What is asked for: a stage, an alias, a deployment. Of a policy, what it is for; `what` may have * then."""

    kind: str
    what: str
    begins_above_pct: int = 0
    share_above_pct: int = 0

    def __str__(self) -> str:
        if self.kind == "alias":
            return f"@{self.what}"
        large = f" that begins above {self.begins_above_pct} %" if self.begins_above_pct else ""
        shares = f", shares above {self.share_above_pct} %" if self.share_above_pct else ""
        return f"deployment to {self.what}{large}{shares}" if self.kind == "deploy" else self.what


@dataclass(frozen=True)
class CheckSpec:
    """An automatic check. `kind` is `metric` with a comparison, `champion` (no worse by more than) or a fact's name."""

    kind: str
    metric: str = ""
    comparison: str = ""
    bound: float = 0.0

    @property
    def title(self) -> str:
        """What has to hold, in words."""
        if self.kind == "champion":
            return f"{self.metric} worse than the champion by {self.bound:g} at most"
        return FACTS.get(self.kind) or f"{self.metric} {self.comparison} {self.bound:g}"


@dataclass(frozen=True)
class Rule:
    """So many people of a group have to approve."""

    group: str
    count: int

    def __str__(self) -> str:
        return f"{self.count} from {self.group}"


@dataclass(frozen=True)
class Freeze:
    """Nothing is approved or carried out from `start` until `end`."""

    start: datetime
    end: datetime
    why: str

    def __str__(self) -> str:
        return f"{clock.minute(self.start)} to {clock.minute(self.end)}: {self.why}"

    @property
    def words(self) -> str:
        """Until when it holds and why, as a sentence."""
        return f"Frozen until {clock.minute(self.end)}: {self.why}."


@dataclass(frozen=True)
class PolicyDocument:
    """A policy. Of those that match a part of what is asked for, the one with the smallest `order` holds."""

    name: str
    rules: tuple[Rule, ...]
    order: int = 0
    about: str = ""
    enabled: bool = True
    models: tuple[str, ...] = ("*",)
    risk: frozenset[str] = frozenset()
    actions: tuple[Action, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    expires: timedelta | None = None
    wait: timedelta = timedelta()
    due: timedelta | None = None
    freezes: tuple[Freeze, ...] = ()
    break_glass: bool = False


PARTS = {"rules": "approvals", "freezes": "freeze"}


def differing(before: PolicyDocument, after: PolicyDocument) -> list[str]:
    """Return the parts in which two policies differ, as their texts call them."""
    names = [one.name for one in fields(PolicyDocument)]
    return [PARTS.get(name, name) for name in names if getattr(before, name) != getattr(after, name)]


def digest_of(text: str) -> str:
    """Return the SHA-256 of a policy's text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=512)
def parse(text: str) -> PolicyDocument:
    """Return the policy that `text` states; raise BadPolicy with all that is wrong in it."""
    return _document(checked(text, VALIDATOR, BadPolicy, _nonsense))


def _nonsense(found: Read) -> Iterator[Problem]:
    """Yield what no line shows alone: windows that end before they begin, zones that are none, repetitions."""
    for index, said in enumerate(found.value.get("freeze", [])):
        try:
            if _freeze(said).start >= _freeze(said).end:
                yield found.problem(("freeze", index, "until"), "the freeze ends before it begins")
        except ValueError as why:
            yield found.problem(("freeze", index), f"no such time: {why}")
        except (OSError, KeyError):
            yield found.problem(("freeze", index, "zone"), f"there is no time zone {said['zone']}")
    for name, key in (("approvals", "group"), ("checks", "")):
        seen: list[object] = []
        for index, said in enumerate(found.value.get(name, [])):
            if (it := said[key] if key else said) in seen:
                yield found.problem((name, index), f"this stands twice in {name}")
            seen.append(it)


def _document(said: dict[str, Any]) -> PolicyDocument:
    match = said["match"]
    return PolicyDocument(
        name=said["policy"],
        order=int(said["order"]),
        about=said.get("about", ""),
        enabled=said.get("enabled", True),
        models=tuple(match.get("models", ["*"])),
        risk=frozenset(match.get("risk", [])),
        actions=tuple(_action(one) for one in match["actions"]),
        checks=tuple(_check(one) for one in said.get("checks", [])),
        rules=tuple(Rule(one["group"], int(one["count"])) for one in said["approvals"]),
        expires=_span(said["expires"]) if "expires" in said else None,
        wait=_span(said["wait"]) if "wait" in said else timedelta(),
        due=_span(said["due"]) if "due" in said else None,
        freezes=tuple(_freeze(one) for one in said.get("freeze", [])),
        break_glass=said.get("break_glass") == "allowed",
    )


def _action(said: dict[str, Any]) -> Action:
    kind = next(kind for kind in ("stage", "alias", "deploy") if kind in said)
    return Action(kind, said[kind], int(said.get("begins_above_pct", 0)), int(said.get("share_above_pct", 0)))


COMPARISONS = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}


def _check(said: dict[str, Any]) -> CheckSpec:
    if "metric" not in said:
        return CheckSpec(next(iter(said)))
    word = next(word for word in said if word != "metric")
    kind = "metric" if word in COMPARISONS else "champion"
    return CheckSpec(kind, said["metric"], COMPARISONS.get(word, ""), float(said[word]))


def _span(text: str) -> timedelta:
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def _freeze(said: dict[str, Any]) -> Freeze:
    zone = ZoneInfo(said["zone"])
    start, end = (datetime.fromisoformat(said[name]).replace(tzinfo=zone) for name in ("from", "until"))
    return Freeze(start, end, said["why"])

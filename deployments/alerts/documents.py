"""What the alert rules of an endpoint say. `parse` turns their text into them, or says what is wrong at each line."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator

from core.checked_yaml import BadText, checked
from core.strict_yaml import Problem, Read
from monitoring.stats.profiles import Severity

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=90)
HOUR, FIVE_MINUTES, DAY = timedelta(hours=1), timedelta(minutes=5), timedelta(days=1)
MINUTE_S = 60
FEWEST = 20  # requests without which a number says nothing, where a rule does not say how many


def in_words(span: timedelta) -> str:
    """Return a span of whole minutes as people say it."""
    minutes = round(span.total_seconds() / MINUTE_S)
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count:,} {word}{'' if count == 1 else 's'}"
    raise AssertionError(minutes)  # one minute divides all


class BadAlerts(BadText):
    """The text is no list of alert rules; `problems` says why, by line."""

    what = "list of alert rules"


class Then(StrEnum):
    """What an alert does beside telling. Whatever goes back is never kept."""

    NOTIFY = "notify"
    FREEZE = "freeze"
    REVIEW = "review"
    ROLL_BACK = "roll_back"

    @property
    def words(self) -> str:
        """What it does, as a sentence."""
        return WORDS[self]


WORDS = {
    Then.NOTIFY: "Tells.",
    Then.FREEZE: "Tells, and nothing grows at the endpoint while it lasts.",
    Then.REVIEW: "Tells, and nothing grows until a reviewer has looked at it.",
    Then.ROLL_BACK: "Tells, and sends back what grows, else what serves.",
}


@dataclass(frozen=True)
class Bound:
    """A metric of a track is beyond a bound, over all its minutes together."""

    metric: str
    is_above: bool
    bound: float
    over: timedelta
    fewest: int

    def __str__(self) -> str:
        than = f"{'above' if self.is_above else 'below'} {self.bound:g}"
        return f"{self.metric} {than} over {in_words(self.over)}, of {self.fewest:,} requests or more"


@dataclass(frozen=True)
class BurnRate:
    """Errors use up what an objective allows so many times as fast as it lasts, in the span and in a twelfth of it."""

    rate: float
    objective_pct: float
    over: timedelta
    fewest: int

    def __str__(self) -> str:
        return f"errors burn {self.rate:g} times what {self.objective_pct:g} % allows, over {in_words(self.over)}"


@dataclass(frozen=True)
class Silence:
    """Something serves, and nobody asked for so long."""

    span: timedelta

    def __str__(self) -> str:
        return f"nobody asked for {in_words(self.span)}"


@dataclass(frozen=True)
class Coverage:
    """Of predictions that are older than `after`, too few have a label."""

    below_pct: float
    after: timedelta
    over: timedelta
    fewest: int

    def __str__(self) -> str:
        return f"fewer than {self.below_pct:g} % have a label {in_words(self.after)} later, over {in_words(self.over)}"


@dataclass(frozen=True)
class Drifted:
    """A feature has drifted, so far at least; any, where none is named."""

    severity: Severity
    feature: str = ""

    def __str__(self) -> str:
        return f"{self.feature or 'any feature'} drifted, {self.severity} or more"


Condition: TypeAlias = Bound | BurnRate | Silence | Coverage | Drifted


@dataclass(frozen=True)
class Rule:
    """When there is an alert, and what it does. It is over once nothing fired for as long as `calm_for`."""

    name: str
    when: Condition
    then: Then = Then.NOTIFY
    calm_for: timedelta = FIVE_MINUTES
    about: str = ""
    runbook: str = ""


@lru_cache(maxsize=512)
def parse(text: str) -> tuple[Rule, ...]:
    """Return the rules that `text` states; raise BadAlerts with all that is wrong in it."""
    return tuple(_rule(said) for said in checked(text, VALIDATOR, BadAlerts, _nonsense)["rules"])


def _nonsense(found: Read) -> Iterator[Problem]:
    """Yield names that stand twice, and spans that are longer than what is kept."""
    names: list[str] = []
    for index, said in enumerate(found.value["rules"]):
        if said["alert"] in names:
            yield found.problem(("rules", index, "alert"), f"the alert '{said['alert']}' stands twice")
        names.append(said["alert"])
        for part, key in ((said, "calm_for"), *((said["when"], key) for key in ("over", "after", "no_requests_for"))):
            if key in part and _span(part, key, DAY) > LONGEST:
                path = ("rules", index, key) if part is said else ("rules", index, "when", key)
                yield found.problem(path, f"'{key}' is {LONGEST.days}d at most")


def _rule(said: Mapping[str, Any]) -> Rule:
    return Rule(
        said["alert"],
        _condition(said["when"]),
        Then(said.get("then", Then.NOTIFY)),
        _span(said, "calm_for", FIVE_MINUTES),
        said.get("about", ""),
        said.get("runbook", ""),
    )


def _condition(said: Mapping[str, Any]) -> Condition:
    fewest = int(said.get("requests", FEWEST))
    if "metric" in said:
        bound = float(said["above"] if "above" in said else said["below"])
        return Bound(said["metric"], "above" in said, bound, _span(said, "over", FIVE_MINUTES), fewest)
    if "burn_rate" in said:
        return BurnRate(float(said["burn_rate"]), float(said["objective_pct"]), _span(said, "over", HOUR), fewest)
    if "coverage_below_pct" in said:
        after, over = _span(said, "after", DAY), _span(said, "over", DAY)
        return Coverage(float(said["coverage_below_pct"]), after, over, fewest)
    if "drift" in said:
        return Drifted(Severity(said["drift"]), said.get("feature", ""))
    return Silence(_span(said, "no_requests_for", HOUR))


def _span(said: Mapping[str, Any], key: str, usual: timedelta) -> timedelta:
    text = said.get(key)
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])}) if text else usual

"""Watches rollouts: rules in, verdicts out. The engine reads them; what they rest on is kept."""

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

from django.db import transaction

from core import clock
from core.refusals import Invalid
from monitoring import late
from monitoring.evidence import FAILED_FROM
from monitoring.models import Prediction, Watch
from monitoring.stats.agreement import CopyRules
from monitoring.stats.documents import of_document, to_document
from monitoring.stats.judge import Verdict, judge, told_apart
from monitoring.stats.rules import ON_FAIL, ON_HOLD, Rules
from monitoring.stats.summary import lasting, quantile
from monitoring.stats.tally import Tally

GUARDRAILS = {"error", "accuracy", "latency", "value"}
CHOICES = {"on_hold": ON_HOLD, "on_fail": ON_FAIL}
NAMES = [name for name in Rules.__dataclass_fields__ if name != "heard"]
COPY_BOUNDS: dict[str, tuple[float, float]] = {
    "min_copies": (1, 10_000_000),
    "min_s": (0, 30 * 86_400.0),
    "max_s": (1, 90 * 86_400.0),
    "min_agreement": (0.0, 1.0),
    "within": (0.0, 1e12),
}
BOUNDS: dict[str, tuple[float, float]] = {
    "alpha": (0.0001, 0.5),
    "tolerance": (1.0, 10.0),
    "min_units": (1, 1_000_000),
    "min_labels": (0, 1_000_000),
    "min_s": (0, 30 * 86_400.0),
    "max_s": (1, 90 * 86_400.0),
    "ratio_bound": (1.01, 50.0),
    "latency_quantile": (0.5, 0.999),
    "warmup": (0, 1_000_000),
}


def rules_of(said: Mapping[str, Any]) -> Rules:
    """Return the rules that a plan's `rules` say, with defaults; raise Invalid for what is no rule."""
    unknown = sorted(said.keys() - set(NAMES))
    if unknown:
        raise Invalid(f"{unknown[0]} is not a rule. Rules are {', '.join(NAMES)}.", field="rules")
    return Rules(**{name: checked(name, value) for name, value in said.items()})


def copy_rules_of(said: Mapping[str, Any]) -> CopyRules:
    """Return the rules for copies that a plan's `rules` say, with defaults; raise Invalid for what is no rule."""
    if unknown := sorted(said.keys() - COPY_BOUNDS.keys()):
        raise Invalid(f"{unknown[0]} is not a rule. Rules are {', '.join(COPY_BOUNDS)}.", field="rules")
    asked = {name: value for name, value in said.items() if (name, value) != ("min_agreement", None)}
    return CopyRules(**{name: _number(name, value, COPY_BOUNDS[name]) for name, value in asked.items()})


def checked(name: str, value: Any) -> Any:
    """Return the value of a rule as it is kept; raise Invalid where it is none."""
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise Invalid(f"{name} should be one of {', '.join(CHOICES[name])}.", field=name)
        return value
    if name == "guardrails":
        if not isinstance(value, list | tuple) or not value or not set(value) <= GUARDRAILS:
            raise Invalid(f"guardrails should name some of {', '.join(sorted(GUARDRAILS))}.", field=name)
        return tuple(value)
    if name == "ratio_bound" and value is None:
        return None
    if name == "tolerance" and isinstance(value, Mapping):
        return _tolerances(value)
    return _number(name, value, BOUNDS[name])


def _number(name: str, value: Any, bounds: tuple[float, float]) -> Any:
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        is_time = name.endswith("_s")
        least, most = (lasting(bound) if is_time else f"{bound:,.10g}" for bound in bounds)
        what = "a number of seconds," if is_time else "a number"
        raise Invalid(f"{name} should be {what} from {least} to {most}.", field=name)
    return value


def _tolerances(said: Mapping[str, Any]) -> dict[str, float]:
    if not said.keys() <= GUARDRAILS:
        raise Invalid(f"tolerance should name some of {', '.join(sorted(GUARDRAILS))}.", field="tolerance")
    return {name: checked("tolerance", value) for name, value in said.items()}


def _kept(said: Mapping[str, Any]) -> Rules:
    """Return the rules that a row keeps."""
    kept: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    return Rules(**kept)


def watch(rollout: str, endpoint: str, rules: Mapping[str, Any]) -> None:
    """Begin to judge `rollout` by `rules`; doing it again changes nothing."""
    tally = to_document(Tally.begin(_kept(rules)))
    Watch.objects.get_or_create(
        rollout=rollout, defaults={"endpoint": endpoint, "rules": dict(rules), "tally": tally, "began_at": clock.now()}
    )


def enter(rollout: str, step: str, rules: Mapping[str, Any] | None = None) -> None:
    """Begin a step, with rules of its own or the former ones: its units are counted from here.

    The guardrails stay those it began with. Doing it again changes nothing.
    """
    with transaction.atomic("telemetry"):
        row = Watch.objects.select_for_update().filter(rollout=rollout, ended_at=None).first()
        if row is None or row.step == step:
            return
        tally = of_document(row.tally)
        said = dict(rules or row.rules)
        tally.enter(step, clock.now().timestamp(), _kept(said).min_units)
        row.tally, row.step, row.rules = to_document(tally), step, said
        row.save(update_fields=["tally", "step", "rules"])


def verdict(rollout: str) -> Verdict | None:
    """Return what the evidence says of `rollout` now; None where nobody watches it.

    It lets the rollout go on only where all evidence is here up to a moment at which the step had all it needs.
    """
    row = Watch.objects.filter(rollout=rollout).first()
    if row is None:
        return None
    at, known = row.ended_at or clock.now(), late.complete_up_to(row.endpoint)
    return judge(of_document(row.tally), _kept(row.rules), at.timestamp(), known.timestamp() if known else None)


def comparison(rollout: str) -> str:
    """Return how the two versions differ, by guardrail, in sentences; nothing where nobody watches."""
    row = Watch.objects.filter(rollout=rollout).first()
    return told_apart(of_document(row.tally), _kept(row.rules)) if row else ""


def end(rollout: str) -> None:
    """Stop judging; the last verdict stays readable."""
    Watch.objects.filter(rollout=rollout, ended_at=None).update(ended_at=clock.now())


class Line(NamedTuple):
    """What is known of one request."""

    status: int
    latency_ms: float | None
    correct: bool | None
    worth: float | None


def performance(rollout: str, step: str) -> dict[str, dict[str, Any]]:
    """Return what each track did in a step: requests, failures, p50, p95, p99 in ms, labels, wrong ones, mean value."""
    rows = Prediction.objects.filter(rollout=rollout, step=step, counted=True)
    found: dict[str, list[Line]] = defaultdict(list)
    for track, *line in rows.values_list("track", *Line._fields).iterator():
        found[track].append(Line._make(line))
    return {track: _performed(lines) for track, lines in found.items()}


def _performed(lines: list[Line]) -> dict[str, Any]:
    took = sorted(line.latency_ms for line in lines if line.latency_ms is not None)
    labels = [line.correct for line in lines if line.correct is not None]
    values = [line.worth for line in lines if line.worth is not None]
    return {
        "requests": len(lines),
        "failed": sum(line.status >= FAILED_FROM or not line.status for line in lines),
        **{f"p{round(part * 100)}_ms": quantile(took, part) for part in (0.5, 0.95, 0.99)},
        "labelled": len(labels),
        "wrong": labels.count(False),
        "valued": len(values),
        "value": fmean(values) if values else None,
    }

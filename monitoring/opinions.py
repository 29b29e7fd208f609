"""Asks the drift detectors that others plugged in about days that are judged; each stands for itself.

A detector is loaded in a process of its own, which ends after LIMIT_S: one that fails, hangs or dies costs its own
opinion, and that is said.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef

from monitoring import drift
from monitoring.models import Feature, Opinion
from monitoring.packing import baseline_of
from monitoring.stats import plugged

LIMIT_S = 60.0  # for AT_ONCE features, the detector's imports among it
AT_ONCE = 100
GONE = "What was counted on that day is no longer kept."
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH")  # of our environment: no secret is given to another's code


def ask() -> int:
    """Ask each detector of each feature's newest judged day, once; return how many opinions there are for it."""
    return sum(_ask(name) for name in plugged.names())


def _ask(name: str) -> int:
    given = Opinion.objects.filter(feature=OuterRef("pk"), detector=name, day__gte=OuterRef("last_day"))
    features = list(Feature.objects.filter(~Exists(given), last_day__gt=0).order_by("pk")[:AT_ONCE])
    questions = [_question(feature) for feature in features]
    answers = _answers(name, [line for line in questions if line])
    for feature, line in zip(features, questions, strict=True):
        said = next(answers) if line else {"fault": GONE}
        told = {"drifted": None, "score": None, "note": "", "fault": "", **said, "day": feature.last_day}
        Opinion.objects.update_or_create(feature=feature, detector=name, defaults=told)
    return len(features)


def _question(feature: Feature) -> str:
    """Return the feature's newest judged day as a question; nothing where its counts are gone."""
    baseline, window = baseline_of(feature.reference), drift.window_of_day(feature, feature.last_day)
    if not window.rows:
        return ""
    reference = plugged.summary(baseline, baseline.usual)
    return plugged.question(feature.name, reference, plugged.summary(baseline, window))


def _answers(name: str, lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield an answer to each line, or why there is none."""
    if not lines:
        return
    said, fault = _run(name, lines)
    for place in range(len(lines)):
        yield json.loads(said[place]) if place < len(said) else {"fault": fault}


def _run(name: str, lines: Sequence[str]) -> tuple[list[str], str]:
    """Return the lines that the detector's process answered, and why there are no more."""
    command = [sys.executable, "-m", "monitoring.stats.plugged", name]
    kept = {key: os.environ[key] for key in KEPT if key in os.environ}
    with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as out:
        asked.write("".join(f"{line}\n" for line in lines))
        asked.seek(0)
        try:
            code = subprocess.run(  # noqa: S603 - ourselves
                command, stdin=asked, stdout=out, stderr=subprocess.DEVNULL, cwd=settings.BASE_DIR, env=kept,
                timeout=LIMIT_S, check=False,
            ).returncode  # fmt: skip
            fault = f"Its process ended with code {code}."
        except subprocess.TimeoutExpired:
            fault = f"No answer within {LIMIT_S:g} s."
        out.seek(0)
        return [line for line in out.read().splitlines(keepends=True) if line.endswith("\n")], fault

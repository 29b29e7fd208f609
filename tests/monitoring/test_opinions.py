"""Drift detectors that others bring: asked once about a day, each in its own process, no harm where one fails."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from monitoring import drift, opinions
from monitoring.models import Feature, FeatureHour, Opinion
from monitoring.stats import plugged
from tests.factories import count_feature

pytestmark = pytest.mark.django_db
HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bring-a-drift-detector.md"
RNG = random.Random(2)
USUAL: list[Any] = [RNG.gauss(40, 10) for _ in range(1_000)]
MOVED: list[Any] = [value + 8 for value in USUAL]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, code: str, *, name: str = "house_psi", module: str = "house_psi") -> None:
    folder = site / f"{module}-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(f"[signoff.drift_detectors]\n{name} = {module}:detect\n")
    (site / f"{module}.py").write_text(code)


def judged(**days: list[Any]) -> None:
    """Have a judged yesterday of each feature."""
    for name, values in days.items():
        count_feature("fraud", "2", name, USUAL, values, values)
    drift.judge_due()


def test_the_detector_of_the_docs_is_asked_once_a_day_and_says_what_moved(site: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    install(site, code)
    judged(age=MOVED, calm=USUAL)
    assert [opinions.ask(), opinions.ask()] == [2, 0]
    said = {row.feature.name: row for row in Opinion.objects.all()}
    assert (said["age"].drifted, said["calm"].drifted) == (True, False)
    assert said["age"].score == pytest.approx(0.66, abs=0.1)
    assert said["calm"].score == pytest.approx(0, abs=0.01)
    assert said["calm"].note == "10 groups"
    assert said["age"].day == Feature.objects.get(name="age").last_day
    (seen, _) = drift.seen("fraud", "2")
    assert [one.detector for one in seen.opinions] == ["house_psi"]


FAILING = {
    "raises": ("def detect(*_): raise OSError('no disk')", "OSError: no disk"),
    "is no detector": ("def detect(*_): return {'drifted': 1}", "TypeError: drifted should be true or false and is 1"),
    "has no number": (
        "def detect(*_): return {'drifted': True, 'score': float('nan')}",
        "ValueError: score should be a finite number and is nan",
    ),
    "cannot be loaded": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "dies": ("import os\ndef detect(*_): os._exit(7)", "Its process ended with code 7."),
    "hangs": ("import time\ndef detect(*_): time.sleep(60)", "No answer within 1 s."),
}


@pytest.mark.parametrize("how", FAILING)
def test_a_detector_that_fails_costs_its_own_opinion(site: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, fault = FAILING[how]
    if how == "hangs":
        monkeypatch.setattr(opinions, "LIMIT_S", 1.0)
    install(site, code)
    judged(age=MOVED)
    assert opinions.ask() == 1
    row = Opinion.objects.get()
    assert (row.drifted, row.fault) == (None, fault)
    assert Feature.objects.get().alarm_since, "our own rule does not depend on it"


def test_what_was_answered_before_a_fault_stays_and_prints_are_no_answers(site: Path) -> None:
    install(
        site, "import os\ndef detect(name, *_):\n print('x')\n return {'drifted': True} if name == 'a' else os._exit(1)"
    )
    judged(a=USUAL, b=USUAL)
    opinions.ask()
    assert list(Opinion.objects.order_by("feature__name").values_list("drifted", "fault")) == [
        (True, ""),
        (None, "Its process ended with code 1."),
    ]


def test_a_detector_sees_no_setting(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_SECRET_KEY", "s")
    install(site, "import os\ndef detect(*_): return {'drifted': 'SIGNOFF_SECRET_KEY' in os.environ}")
    judged(age=USUAL)
    opinions.ask()
    assert Opinion.objects.get().drifted is False


def test_days_that_are_no_longer_kept_hold_nobody_up(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opinions, "AT_ONCE", 1)
    install(site, "def detect(*_): return {'drifted': True}")
    judged(old=USUAL, young=USUAL)
    FeatureHour.objects.filter(feature__name="old").delete()
    assert [opinions.ask() for _ in range(3)] == [1, 1, 0]
    assert dict(Opinion.objects.values_list("feature__name", "fault")) == {"old": opinions.GONE, "young": ""}


def test_without_detectors_nothing_is_asked() -> None:
    judged(age=MOVED)
    assert plugged.names() == []
    assert opinions.ask() == 0

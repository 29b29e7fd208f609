"""Draws samples of features in a model's environment; writes one JSON object of what was told in each case."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from serving.contract import FeaturePolicy, dump
from serving.server.features import Sampler
from serving.server.inputs import Fitted, Frame, Table, Tensors

PATH = Path(sys.argv[1]) / "policy.json"
ANSWERS: dict[str, Any] = {
    "scores": np.array([[0.25, 0.75]]),
    "table": Table({"label": np.array([1])}),
    "wide table": Table({"label": np.array([1]), "score": np.array([0.5])}),
    "arrays": {"out": np.array([[0.5]])},
    "a word": "a word",
    "bytes": [b"bytes"],
}


def matrix(*rows: list[float]) -> Frame:
    """Return numbers."""
    return Frame(["age", "sum"], len(rows), matrix=np.array(rows))


def mixed(**columns: list[Any]) -> Frame:
    """Return columns of anything."""
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return Frame(list(arrays), len(next(iter(arrays.values()))), arrays=arrays)


def allow(share_pct: float = 100.0, **more: Any) -> None:
    """Say what may be told."""
    dump(PATH, FeaturePolicy(share_pct, **{"dropped": (), "hashed": (), "salt": "a", **more}))


def told(*asked: tuple[Fitted, Any], sampler: Sampler | None = None) -> Any:
    """Return the sample of these requests; None for none."""
    sampler = sampler or Sampler(PATH)
    for given, answer in asked:
        sampler.note(given, answer)
    text = sampler.take()
    return json.loads(text) if text else None


def joined() -> Any:
    """Two requests of a moment, one of which has a column that the other lacks."""
    allow()
    return told((matrix([30, 1.5], [40, 2.5]), np.array([0, 1])), (mixed(age=[50], city=["Bern"]), [1]))


def drawn() -> Any:
    """Which rows of 500 are drawn, again and again."""
    allow()
    rows = matrix(*([float(n), 0] for n in range(500)))
    return [told((rows, list(range(500)))) for _ in range(200)]


def hidden() -> Any:
    """Cities under two salts, beside a column that is not told."""
    cities = mixed(iban=["CH1", "CH2", "CH3"], city=["Bern", "Bern", None])
    found = []
    for salt in "ab":
        allow(dropped=("iban",), hashed=("city",), salt=salt)
        found.append(told((cities, [0, 0, 0]))["columns"])
    return found


def unread() -> Any:
    """What is told without a policy, with half of one, and with something else."""
    found = []
    for said in (None, '{"type": "signoff.feature-policy/1"', "{}"):
        PATH.unlink(missing_ok=True)
        if said is not None:
            PATH.write_text(said)
        found.append(told((matrix([30, 1.5]), [0])))
    return found


def shares() -> Any:
    """How many of 40 rows one sampler tells, of a fifth and then of none."""
    sampler, rows = Sampler(PATH), matrix(*[[1.0, 1.0]] * 40)
    allow(20.0)
    some = [told((rows, [0] * 40), sampler=sampler) for _ in range(300)]
    allow(0.0)
    return {
        "some": [len(one["predictions"]) if one else 0 for one in some],
        "none": told((rows, [0] * 40), sampler=sampler),
    }


def long() -> Any:
    """Texts that are too long together."""
    allow()
    return told((mixed(**{f"text {n}": ["x" * 5_000] * 40 for n in range(20)}), [0] * 40))


def answered() -> Any:
    """Each kind of answer."""
    allow()
    return {name: told((matrix([30, 1.5]), answer))["predictions"] for name, answer in ANSWERS.items()}


def arrays() -> Any:
    """Rows that are arrays themselves, and moments."""
    moment = Frame(["at"], 1, arrays={"at": np.array(["2026-11-24T09:00"], dtype="datetime64[ns]")})
    wide = Tensors({"pixels": np.ones((2, 2, 2)), "video": np.ones((2, 2, 1_024))})
    return [told((moment, [1]))["columns"], told((wide, [0, 1]))["columns"]]


CASES: tuple[Callable[[], Any], ...] = (joined, drawn, hidden, unread, shares, long, answered, arrays)

if __name__ == "__main__":
    sys.stdout.write(json.dumps({case.__name__: case() for case in CASES}))

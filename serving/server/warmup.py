"""Asks a model once before anybody else does, so that the first caller does not wait."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving.server import forms
from serving.server.inputs import Given, Nested, Records
from serving.server.models import Model
from serving.server.refusals import Refused
from serving.server.signature import ColumnSignature, TensorSignature

EXAMPLE = "serving_input_example.json"
ASKED = 3
SAMPLES: dict[str, Any] = {
    "boolean": False,
    "integer": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "",
    "binary": "",
    "datetime": "2000-01-01",
    "array": [],
    "object": {},
    "map": {},
}


class Cold(Exception):
    """The model cannot answer its own example. The message is a sentence."""


@dataclass(frozen=True)
class Warm:
    """How long one row took, best of a few, and what was asked."""

    row_s: float
    source: str


def warm(model: Model, folder: Path, declared: tuple[dict[str, Any], ...]) -> Warm:
    """Return once the model has answered. A made-up row may fail: the model need not like zeros."""
    source, given = _chosen(model, folder, declared)
    if given is None:
        return Warm(1.0, source)
    try:
        fitted = model.signature.fit(given)
        took = [_timed(model, fitted) for _ in range(ASKED)]
    except Exception as why:
        if source == "a made-up row":
            return Warm(1.0, f"{source}, which failed: {type(why).__name__}")
        reason = why.message if isinstance(why, Refused) else f"{type(why).__name__}: {why}"
        raise Cold(f"The model cannot answer {source}: {reason}") from why
    return Warm(min(took) / max(1, fitted.rows), source)


def _timed(model: Model, fitted: Any) -> float:
    begun = time.perf_counter()
    model.predict(fitted)
    return time.perf_counter() - begun


def _chosen(model: Model, folder: Path, declared: tuple[dict[str, Any], ...]) -> tuple[str, Given | None]:
    if declared:
        return "the declared warm-up rows", Records(list(declared))
    example = folder / EXAMPLE
    if example.exists():
        return "its input example", forms.read(example.read_bytes(), forms.JSON)
    return "a made-up row", _made_up(model)


def _made_up(model: Model) -> Given | None:
    if isinstance(model.signature, ColumnSignature):
        return Records([{part.name: SAMPLES.get(part.kind) for part in model.signature.columns}])
    if isinstance(model.signature, TensorSignature) and len(model.signature.tensors) == 1:
        spec = model.signature.tensors[0]
        if spec.dtype not in {"str", "string", "object"}:
            return Nested(np.zeros([1 if size == -1 else size for size in spec.shape], dtype=spec.dtype))
    return None

"""Joins requests and divides answers in a model's environment; writes one JSON object of what came of it."""

import json
import sys
from typing import Any

import numpy as np

from serving.server.answers import plain
from serving.server.inputs import Fitted, Frame, Table, Tensors
from serving.server.joining import divided, fits, joined

NAMES = ["a", "b"]
ONE, TWO = (Frame(NAMES, n, matrix=np.full((n, 2), n)) for n in (1, 2))
TENSORS = Tensors({"x": np.ones((2, 4))})
APART = Frame(NAMES, 1, arrays={"a": np.array([1]), "b": np.array(["x"], dtype=object)})
MORE = Frame(NAMES, 2, arrays={"a": np.array([2, 3]), "b": np.array(["y", "z"], dtype=object)})
OTHERS: dict[str, Fitted] = {
    "columns in another order": Frame(["b", "a"], 1, matrix=np.ones((1, 2), dtype=int)),
    "floats": Frame(NAMES, 1, matrix=np.ones((1, 2))),
    "columns apart": APART,
    "tensors": Tensors({"": np.ones((1, 2), dtype=int)}),
}
ANSWERS: dict[str, Any] = {
    "array": np.arange(3),
    "scores": np.arange(6).reshape(3, 2),
    "list": [7, 8, 9],
    "table": Table({"y": np.arange(3), "z": np.arange(3) / 2}),
    "arrays": {"label": np.arange(3), "score": np.arange(3)},
    "one number": np.float64(3),
    "one of two": {"label": np.arange(3), "mean": np.array([1.0])},
    "longer": np.arange(4),
}


def listed(part: Any) -> Any:
    """Return an answer in lists."""
    part = plain(part)
    if isinstance(part, dict):
        return {name: value.tolist() for name, value in part.items()}
    return part.tolist() if isinstance(part, np.ndarray) else part


if __name__ == "__main__":
    mixed, matrix, tensors = joined([APART, MORE]), joined([ONE, TWO]), joined([TENSORS, TENSORS])
    assert isinstance(mixed, Frame)
    assert isinstance(matrix, Frame)
    assert isinstance(tensors, Tensors)
    said = {
        "fits": {name: fits(ONE, other) for name, other in {"itself": TWO, **OTHERS}.items()},
        "matrix": matrix.as_matrix().tolist(),
        "columns": {name: mixed.column(name).tolist() for name in NAMES},
        "rows": mixed.rows,
        "tensors": list(tensors.arrays["x"].shape),
        "divided": {name: [listed(part) for part in divided(answer, [1, 2])] for name, answer in ANSWERS.items()},
    }
    sys.stdout.write(json.dumps(said))

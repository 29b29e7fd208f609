"""Loads a model from its folder and asks it. ONNX runs bare; everything else runs as MLflow runs it."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml

from serving.server import signature
from serving.server.inputs import Array, Fitted, Frame, Table, Tensors
from serving.server.refusals import bad

PAIR = 2
ONNX_TYPES = {"float": np.float32, "double": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_}


class Model(Protocol):
    """Something that answers."""

    platform: str
    signature: signature.Signature

    @property
    def chances(self) -> Callable[[Fitted], Any] | None:
        """How to ask for chances, where there are any."""

    def predict(self, given: Fitted) -> Any:
        """Return the answer: an array, a Table, a mapping of arrays, or what a model of one's own returns."""


def load(folder: Path) -> Model:
    """Return the model, ready to be asked."""
    said = yaml.safe_load((folder / "MLmodel").read_bytes())
    flavors = said["flavors"]
    kind = Onnx if "onnx" in flavors else Sklearn if "sklearn" in flavors else Pyfunc
    return kind(folder, said)


class Onnx:
    """An ONNX model: numpy in, numpy out."""

    platform = "onnx"
    chances = None

    def __init__(self, folder: Path, said: dict[str, Any]) -> None:
        runtime = importlib.import_module("onnxruntime")  # only this kind's environment has it
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = folder / said["flavors"]["onnx"].get("data", "model.onnx")
        self.session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = {part.name: _onnx_type(part.type) for part in self.session.get_inputs()}
        self.outputs = [part.name for part in self.session.get_outputs()]
        self.signature = signature.parse(said.get("signature"))
        self.unfit = runtime.capi.onnxruntime_pybind11_state.InvalidArgument

    def predict(self, given: Fitted) -> Any:
        """Return a Table for a table, arrays by name for arrays, as MLflow does."""
        feed = self._feed(given)
        try:
            answered = self.session.run(self.outputs, feed)
        except self.unfit as why:  # the graph's own check: type, rank and fixed dimensions
            raise bad(f"The input does not fit the model: {str(why).partition(' : ')[2] or why}") from None
        if isinstance(given, Tensors):
            return dict(zip(self.outputs, answered, strict=True))
        return Table({name: _by_row(part, given.rows) for name, part in zip(self.outputs, answered, strict=True)})

    def _feed(self, given: Fitted) -> dict[str, Array]:
        if len(self.inputs) > 1:
            arrays = given.as_mapping() if isinstance(given, Frame) else given.arrays
            if missing := self.inputs.keys() - arrays.keys():
                raise bad(f"Input '{min(missing)}' is missing. The model expects {', '.join(self.inputs)}.")
            return {name: _cast(name, arrays[name], wanted) for name, wanted in self.inputs.items()}
        ((name, wanted),) = self.inputs.items()
        return {name: _cast(name, given.as_matrix() if isinstance(given, Frame) else _only(given), wanted)}


def _only(given: Tensors) -> Array:
    return next(iter(given.arrays.values()))


def _onnx_type(text: str) -> Any:
    return ONNX_TYPES.get(text.removeprefix("tensor(").removesuffix(")"))


def _cast(name: str, array: Array, wanted: Any) -> Array:
    """Return the array in the type the graph wants; a model without a signature learns here that it is none."""
    if wanted is None:
        return array
    if array.dtype.kind not in "fiub":
        raise bad(f"Input '{name}' should hold numbers.")
    return array.astype(wanted, copy=False)


def _by_row(part: Any, rows: int) -> Array:
    """Return one value for each row; a list of mappings stays one."""
    if isinstance(part, list):
        made = np.empty(len(part), dtype=object)
        made[:] = part
        return made
    array = np.asarray(part)
    return array.reshape(-1) if array.size == rows else array


class Pyfunc:
    """Any model MLflow can load as a function."""

    platform = "mlflow"

    def __init__(self, folder: Path, said: dict[str, Any]) -> None:
        self.pandas = importlib.import_module("pandas")  # only this kind's environment has them
        self.model = importlib.import_module("mlflow.pyfunc").load_model(str(folder))
        self.signature = signature.parse(said.get("signature"))

    @property
    def chances(self) -> Callable[[Fitted], Any] | None:
        """None: a function says what it says."""
        return None

    def predict(self, given: Fitted) -> Any:
        """Return the model's answer to a DataFrame or to arrays."""
        return self.tidied(self.ask(self.frame(given)))

    def ask(self, data: Any) -> Any:
        """Return what the function says."""
        return self.model.predict(data)

    def frame(self, given: Fitted) -> Any:
        """Return a DataFrame for a table; one array or a mapping of arrays otherwise."""
        if isinstance(given, Tensors):
            return _only(given) if len(given.arrays) == 1 else given.arrays
        if given.matrix is not None:
            return self.pandas.DataFrame(given.matrix, columns=given.names, copy=False)
        return self.pandas.DataFrame(given.as_mapping(), copy=False)

    def tidied(self, answer: Any) -> Any:
        """Return a Table for a DataFrame or a Series."""
        if isinstance(answer, self.pandas.Series):
            answer = self.pandas.DataFrame(answer)
        if isinstance(answer, self.pandas.DataFrame):
            return Table({str(name): answer[name].to_numpy() for name in answer.columns})
        return answer


class Sklearn(Pyfunc):
    """A scikit-learn model: asked directly once it has shown that it says the same as through MLflow.

    The table given fits the signature already, so MLflow's own check of each request finds nothing more.
    """

    platform = "sklearn"

    def __init__(self, folder: Path, said: dict[str, Any]) -> None:
        super().__init__(folder, said)
        name = said["flavors"].get("python_function", {}).get("predict_fn", "predict")
        raw = self.model.get_raw_model()
        self.direct = getattr(raw, name, None)
        self.proven = False
        self.proba = getattr(raw, "predict_proba", None) if name == "predict" and _classes(raw) == PAIR else None

    @property
    def chances(self) -> Callable[[Fitted], Any] | None:
        """How to ask for the chance of the second of two classes, row by row; None where it gives none."""
        return self._chances if self.proba else None

    def _chances(self, given: Fitted) -> Any:
        return np.asarray(self.proba(self.frame(given)))[:, 1]  # type: ignore[misc]  # asked where it has it

    def ask(self, data: Any) -> Any:
        """Return what the estimator says, by way of MLflow until both have said the same once."""
        if self.proven and self.direct:
            return self.direct(data)
        answer = self.model.predict(data)
        self.proven = self.direct is not None and _same(answer, self.direct(data))
        if not self.proven:
            self.direct = None
        return answer


def _classes(raw: Any) -> int:
    """Return how many classes an estimator tells apart; 0 where it tells none."""
    found = getattr(raw, "classes_", None)
    return len(found) if isinstance(found, np.ndarray) and found.ndim == 1 else 0


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(one.tolist() == other.tolist()) if one.dtype.hasobject else one.tobytes() == other.tobytes()

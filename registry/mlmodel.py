"""Reads an MLmodel file as data: flavor, signature, Python version. Nothing in it is run."""

import json
import posixpath
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

LIMIT = 1024 * 1024
FLAVOR_ORDER_LAST = "python_function"
PICKLE_FORMATS = frozenset({"pickle", "cloudpickle", "dill", "joblib"})
NAMES_A_PICKLE: tuple[str, ...] = ("pickled_model", "python_model")
NAMES_A_FILE = ("data", "model_data", "model_path")


class PlainLoader(yaml.SafeLoader):
    """Safe YAML without anchors, so that a small file cannot unfold into a huge one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias event."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed in an MLmodel file")
        return super().compose_node(parent, index)


@dataclass(frozen=True)
class Column:
    """One input or output: `type` is MLflow's word, or a tensor's dtype and shape."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class MLmodel:
    """What the file says. `problem` is a sentence where it could not be read."""

    framework: str = ""
    inputs: list[Column] = field(default_factory=list)
    outputs: list[Column] = field(default_factory=list)
    has_signature: bool = False
    python_version: str = ""
    serialization: str = ""
    mlflow_version: str = ""
    pickled: frozenset[str] = frozenset()  # files or folders that are loaded as pickles
    problem: str = ""

    @property
    def signature(self) -> dict[str, object]:
        """The signature as plain JSON, empty where there is none."""
        if not self.has_signature:
            return {}
        return {"inputs": [vars(c) for c in self.inputs], "outputs": [vars(c) for c in self.outputs]}


def parse(text: bytes) -> MLmodel:
    """Return what `text` says; never raises for its content."""
    try:
        said = yaml.load(text, Loader=PlainLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as why:
        return MLmodel(problem=f"MLmodel cannot be read: {str(why).splitlines()[0]}")
    if not isinstance(said, dict):
        return MLmodel(problem="MLmodel is not a mapping")
    flavors = _mapping(said, "flavors")
    framework = next((name for name in flavors if name != FLAVOR_ORDER_LAST), FLAVOR_ORDER_LAST if flavors else "")
    detail, function = _mapping(flavors, framework), _mapping(flavors, FLAVOR_ORDER_LAST)
    signature = said.get("signature") if isinstance(said.get("signature"), dict) else None
    return MLmodel(
        framework=str(framework)[:64],
        inputs=_columns(signature, "inputs"),
        outputs=_columns(signature, "outputs"),
        has_signature=signature is not None,
        python_version=str(function.get("python_version", ""))[:20],
        serialization=str(detail.get("serialization_format", ""))[:40],
        mlflow_version=str(said.get("mlflow_version", ""))[:20],
        pickled=_pickled([part for part in flavors.values() if isinstance(part, dict)]),
    )


def _pickled(flavors: list[dict[str, Any]]) -> frozenset[str]:
    """Return what the flavors name as a pickle: by the key, or by a key of any format where one of them is pickled."""
    formats = {str(flavor["serialization_format"]) for flavor in flavors if flavor.get("serialization_format")}
    keys = NAMES_A_PICKLE if not formats or formats & PICKLE_FORMATS else ("python_model",)
    keys += NAMES_A_FILE if formats & PICKLE_FORMATS else ()
    named = (flavor.get(key) for flavor in flavors for key in keys)
    return frozenset(posixpath.normpath(path) for path in named if isinstance(path, str) and path)


def _mapping(said: dict[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name)
    return value if isinstance(value, dict) else {}


def _columns(signature: dict[str, object] | None, side: str) -> list[Column]:
    """Return one side of a signature; MLflow keeps it as JSON text."""
    if not signature or not signature.get(side):
        return []
    try:
        said = json.loads(str(signature[side]))
    except ValueError:
        return []
    return [
        _column(place, part)
        for place, part in enumerate(said if isinstance(said, list) else [])
        if isinstance(part, dict)
    ]


def _column(place: int, part: dict[str, object]) -> Column:
    if part.get("type") == "tensor":
        spec = cast("dict[str, object]", part.get("tensor-spec") or {})
        kind = f"tensor {spec.get('dtype')} {spec.get('shape')}"
    else:
        kind = str(part.get("type"))
    return Column(str(part.get("name") or f"column {place + 1}"), kind, required=part.get("required") is not False)

"""What a model's signature asks of a file: columns by name, or so many columns of numbers for an array."""

import json
from dataclasses import asdict, dataclass
from typing import Any

WORDS = {
    "boolean": "true or false",
    "integer": "a whole number of 32 bits",
    "long": "a whole number of 64 bits",
    "float": "a number of 32 bits",
    "double": "a number",
    "string": "a string",
    "datetime": "a date and time in ISO 8601, from 1678 to 2261",
}
DTYPES = {"float32": "float", "float64": "double", "int32": "integer", "int64": "long"}
PART_BYTES = 16 * 2**20  # of a part's values
LEAST_ROWS, MOST_ROWS = 256, 262_144
CELL_BYTES = 8
TABLE = 2  # dimensions


class Unfit(Exception):
    """The file cannot be scored; its text is a sentence for people."""


@dataclass(frozen=True)
class Column:
    """One column that the model takes."""

    name: str
    kind: str
    required: bool = True

    @property
    def words(self) -> str:
        """The kind, for a person."""
        return f"{self.kind} ({WORDS[self.kind]})"


@dataclass(frozen=True)
class Asked:
    """Columns by name; or `width` columns of `dtype`, whatever they are called, that make one array."""

    columns: tuple[Column, ...] = ()
    dtype: str = ""
    width: int = 0

    @property
    def part_rows(self) -> int:
        """How many rows make a part: as many as hold about 16 MiB. It never changes for the same signature."""
        wide = self.width or len(self.columns)
        return max(LEAST_ROWS, min(MOST_ROWS, PART_BYTES // (CELL_BYTES * wide)))

    def dumped(self) -> str:
        """Return it as JSON, for the process that reads the file."""
        return json.dumps(asdict(self))

    @classmethod
    def loaded(cls, text: str) -> "Asked":
        """Return what `dumped` gave."""
        said = json.loads(text)
        return cls(tuple(Column(**one) for one in said["columns"]), said["dtype"], said["width"])


def asked_by(mlmodel: dict[str, Any]) -> Asked:
    """Return what the MLmodel file's signature asks of a file; raise Unfit where no file can give it."""
    text = (mlmodel.get("signature") or {}).get("inputs")
    parts = json.loads(text) if isinstance(text, str) else None
    if not parts:
        raise Unfit("The model has no signature that says what its input is, so no file can be checked against it.")
    if parts[0].get("type") == "tensor":
        return _array(parts)
    named = [{**part, "name": part.get("name") or str(place)} for place, part in enumerate(parts)]
    columns = tuple(Column(part["name"], str(part["type"]), part.get("required", True) is not False) for part in named)
    if strange := next((column for column in columns if column.kind not in WORDS), None):
        raise Unfit(f"Column '{strange.name}' is {strange.kind}: files give {', '.join(WORDS)}.")
    return Asked(columns)


def _array(parts: list[dict[str, Any]]) -> Asked:
    spec = parts[0]["tensor-spec"]
    shape, dtype = list(spec["shape"]), str(spec["dtype"])
    if len(parts) > 1 or len(shape) != TABLE or shape[0] != -1 or shape[1] < 1 or dtype not in DTYPES:
        raise Unfit(
            f"The model takes an array of {dtype} of shape {shape}: files give (-1, columns) of {list(DTYPES)}."
        )
    return Asked(dtype=dtype, width=int(shape[1]))

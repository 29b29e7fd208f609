"""Writes answers: one JSON form, whatever the model returned."""

from typing import Any

import numpy as np
import orjson

from serving.server.inputs import Table

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def predictions(answer: Any) -> bytes:
    """Return MLflow's body: a table becomes records."""
    return dump({"predictions": plain(answer)})


def plain(answer: Any) -> Any:
    """Return the answer in what JSON has: a table as records, the rest as it is."""
    if isinstance(answer, Table):
        names = list(answer.columns)
        listed = [array.tolist() for array in answer.columns.values()]
        if len(names) == 1:
            return [{names[0]: value} for value in listed[0]]
        return [dict(zip(names, row, strict=True)) for row in zip(*listed, strict=True)]
    return answer


def dump(body: Any) -> bytes:
    """Return JSON; NaN becomes null, arrays become lists."""
    return bytes(orjson.dumps(body, default=_other, option=OPTIONS))


def _other(value: Any) -> Any:
    """Return what orjson does not know in what it knows: arrays it cannot read, numbers of numpy, bytes, the rest."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return list(value) if isinstance(value, set | tuple) else str(value)

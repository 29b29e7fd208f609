"""Reads bodies and fits them to signatures, in a model's environment: a line of JSON in, a line of JSON out."""

import base64
import json
import sys
import traceback
from typing import Any

import numpy as np

from serving.server import answers, forms, signature, v2
from serving.server.inputs import Frame
from serving.server.refusals import Refused


def outcome(line: dict[str, Any]) -> Any:
    """Return the columns or arrays that fit, the refusal, or the fault that must not be."""
    try:
        said, body = signature.parse(line["signature"]), base64.b64decode(line["body"])
        given = v2.read(body, said)[0] if line["kind"] == "v2" else forms.read(body, line["kind"])
        fitted = said.fit(given)
        arrays = fitted.as_mapping() if isinstance(fitted, Frame) else fitted.arrays
        infinite = [name for name, array in arrays.items() if array.dtype.kind == "f" and np.isinf(array).any()]
    except Refused as why:
        return {"refused": why.message, "status": why.status}
    except Exception:  # noqa: BLE001 - it is what the test looks for
        return {"fault": traceback.format_exc()}
    return {"rows": fitted.rows, "arrays": {k: v.tolist() for k, v in arrays.items()}, "infinite": infinite}


if __name__ == "__main__":
    for asked in sys.stdin.buffer:
        sys.stdout.buffer.write(answers.dump(outcome(json.loads(asked))) + b"\n")
        sys.stdout.buffer.flush()

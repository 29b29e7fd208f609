"""python export_onnx.py FOLDER: writes boosted.onnx, and 100 rows as rows.json. Run by a peer's interpreter."""

import json
import sys
from pathlib import Path

from boosted import trained
from skl2onnx import to_onnx

folder = Path(sys.argv[1])
model, rows = trained()
sample = rows.to_numpy().astype("float32")
export = to_onnx(model, sample[:1], options={"zipmap": False}, target_opset=18)
(folder / "boosted.onnx").write_bytes(export.SerializeToString())
split = {"columns": list(rows.columns), "data": sample[:100].tolist()}
(folder / "rows.json").write_text(json.dumps(split), encoding="utf-8")

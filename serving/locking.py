"""Turns what a model's folder asks for into one list with hashes, before anybody approves it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SERVER = ("httptools>=0.6", "numpy", "orjson>=3.10", "pyyaml>=6", "uvicorn>=0.30", "uvloop>=0.21")
NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)$")
LONGEST_S = 600


class LockRefused(Exception):
    """The environment cannot be locked. The message is a sentence, then what the resolver said."""


def choose_requirements(mlmodel: dict[str, Any], requirements_txt: str) -> list[str]:
    """Return what the model's own environment should hold: what its folder asks for and what the server needs.

    An ONNX model needs neither mlflow nor pandas. Others get mlflow-skinny in place of mlflow: same code, no server.
    """
    asked = _asked(requirements_txt)
    flavors = mlmodel.get("flavors") or {}
    if "onnx" in flavors:
        return sorted({*SERVER, *(asked.get(name, name) for name in ("onnxruntime", "numpy"))} - _bare(asked))
    wanted = {name: line for name, line in asked.items() if name not in {"mlflow", "mlflow-skinny"}}
    version = mlmodel.get("mlflow_version") or ""
    wanted["mlflow-skinny"] = f"mlflow-skinny=={version}" if version else "mlflow-skinny"
    wanted.setdefault("pandas", "pandas")
    if "sklearn" in flavors:
        wanted.setdefault("skops", "skops")
    return sorted({*SERVER, *wanted.values()} - _bare(asked))


def _bare(asked: dict[str, str]) -> set[str]:
    """Return the server's lines that the model says more exactly."""
    return {line for line in SERVER if line in asked and asked[line] != line}


def _asked(requirements_txt: str) -> dict[str, str]:
    """Return the lines by name; refuse what names a place instead of a package."""
    found = {}
    for raw in requirements_txt.splitlines():
        line = raw.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        parts = NAME.match(line)
        if not parts or "@" in line or "/" in line.split(";")[0]:
            raise LockRefused(f"requirements.txt says {line!r}: only packages by name and version can be locked.")
        found[re.sub(r"[-_.]+", "-", parts[1]).lower()] = line
    return found


def lock(
    requirements: Sequence[str], python_version: str, *, interpreter: Path | None = None, offline: bool = False
) -> str:
    """Return the whole environment, each package with its version and hashes, wheels only."""
    options = ["--python", str(interpreter or sys.executable), "--python-version", python_version]
    fixed = ["--generate-hashes", "--only-binary", ":all:", "--no-header", "--no-annotate", "--no-config"]
    quiet = ["--quiet", "--no-emit-index-url", "--no-emit-find-links"]
    text = run_uv("pip", "compile", "-", *options, *fixed, *quiet, offline=offline, given="\n".join(requirements))
    return text.strip() + "\n"


def digest(lock_text: str) -> str:
    """Return what the lock is called."""
    return hashlib.sha256(lock_text.encode()).hexdigest()


def find_uv() -> str:
    """Return uv's path: beside our own interpreter, else on PATH."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise LockRefused("uv is not installed: it belongs beside the interpreter or on PATH.")
    return found


def run_uv(*arguments: str, offline: bool = False, given: str = "") -> str:
    """Return what uv printed; LockRefused with its reason where it failed."""
    command = [find_uv(), *arguments, *(["--offline"] if offline else [])]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    try:
        ran = subprocess.run(  # noqa: S603 - uv, with our own arguments
            command, input=given, capture_output=True, text=True, env=environment, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise LockRefused(f"uv did not finish within {LONGEST_S} s.") from None
    if ran.returncode:
        raise LockRefused(f"uv {' '.join(arguments[:2])} failed: {ran.stderr.strip()[-2000:]}")
    return ran.stdout


def main() -> int:
    """Read {mlmodel, requirements, python} as JSON from standard input; print the lock, or say why there is none."""
    said = json.load(sys.stdin)
    try:
        wanted = choose_requirements(said["mlmodel"], said["requirements"])
        sys.stdout.write(lock(wanted, said["python"]))
    except LockRefused as why:
        sys.stderr.write(" ".join(str(why).split())[:500] + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

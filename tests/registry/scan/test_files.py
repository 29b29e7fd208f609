"""What files could do when loaded: gadgets are named, good models pass, whatever nobody knows is unsafe."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

from registry.scan.allowed import is_allowed
from registry.scan.files import findings


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def named(module: str, name: str) -> bytes:
    """Return a pickle that calls `name` of `module`, which need not be there."""
    return b"\x80\x04c" + module.encode() + b"\n" + name.encode() + b"\n)R."


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, body in members.items():
            archive.writestr(path.replace("__", "/").replace("_", "."), body)
    return out.getvalue()


def array(descr: str, body: bytes = b"") -> bytes:
    said = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said + body


def why(path: str, body: bytes, *, pickled: bool = False) -> str:
    return "; ".join(one.why for one in findings(path, io.BytesIO(body), pickled=pickled))


TOUCH = b"cos\nsystem\n(S'true'\ntR"  # without a STOP: what it calls was called by then
HEADER = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'


CLEAN = {
    "MLmodel": b"flavors: {}\n",
    "requirements.txt": "scikit-learn # für alle\n".encode(),
    "weights.pkl": pickle.dumps(OrderedDict(a=1)),
    "plain.pkl": pickle.dumps({"a": [1, 2.5, "x"]}),
    "lr.pkl": named("sklearn.linear_model._logistic", "LogisticRegression"),
    "model.skops": zipped(schema_json=b"{}", a_npy=array("<f8", b"\0" * 8)),
    "torch.pt": zipped(archive__data_pkl=pickle.dumps(OrderedDict()), archive__data__0=b"\x80\x04\xff\0"),
    "array.npy": array("<f8", b"\0" * 8),
    "model.onnx": b"\x08\x07\x12\x04",
    "weights.safetensors": struct.pack("<Q", len(HEADER)) + HEADER + b"\0\0\0\0",
    "costs.csv": b"cost,amount\nos,system\n12.5,3\nRome,1\n",
    "Policy.md": b"Policy of (one) care.\n\nIndex 1. Vectors are built.\n",
    "V.csv": b"V1,V2,class\n0.5,1.5,0\n" * 50_000,
    "anim.gif": b"GIF89a\1\0\1\0\0\0\0;",
    "plot.png": b"\x89PNG\r\n\x1a\n\0\0",
}
UNSAFE = {
    "evil.pkl": (pickle.dumps(Evil()), "system"),
    "evil.txt": (pickle.dumps(Evil()), "system"),  # its name does not help
    "gadget.pkl": (named("numpy.testing._private.utils", "runstring"), "runstring"),
    "builtin.pkl": (named("builtins", "eval"), "builtins.eval"),
    "into.pkl": (named("sklearn.base", "BaseEstimator.__init__"), "not on the list"),
    "fn.cloudpickle": (named("cloudpickle.cloudpickle", "_make_function"), "_make_function"),
    "inner.zip": (zipped(a_txt=b"hello", b_pkl=pickle.dumps(Evil())), "system"),
    "model.joblib": (b"x\x9c" + b"\x01" * 40, "no pickle that can be read"),
    "cut.pkl": (pickle.dumps(OrderedDict(a="x" * 50))[:-20], "cannot be read"),
    "objects.npy": (array("|O", pickle.dumps([1])), "array of objects"),
    "code.py": (b"import os\n", "nobody knows"),
    "what.xyz": (b"hello", "nobody knows"),
    "bytes.txt": (b"abc\0def", "nobody knows"),
    "empty.pkl": (b"", "no pickle"),
    "model.txt": (TOUCH + b".", "whatever it is called"),
    "model": (TOUCH, "whatever it is called"),
    "data.csv": (b"(ios\nsystem\n", "whatever it is called"),
    "weights.gif": (b"GIF8\0\0\0\0\x000" + TOUCH, "whatever it is called"),
    "weights": (b"GIF8\0\0\0\0\x000" + TOUCH, "whatever it is called"),
    "long.txt": (b"(" + b"N" * 200_000, "whatever it is called"),
    "padded.txt": (b"V" + b"x" * 2**21 + b"\n0" + TOUCH, "whatever it is called"),
    "model.safetensors": (b"U\x14a\1\0\0\0\0{" + b"x" * 13 + b"0" + TOUCH, "whatever it is called"),
    "plain.safetensors": (struct.pack("<Q", 4) + b"{..}", "nobody knows"),
    "broken.zip": (b"PK\x03\x04" + b"\0" * 30, "cannot be read"),
}


@pytest.mark.parametrize("path", CLEAN)
def test_what_runs_nothing_unknown_is_clean(path: str) -> None:
    assert why(path, CLEAN[path]) == ""


@pytest.mark.parametrize("path", UNSAFE)
def test_what_runs_something_or_is_unknown_is_named(path: str) -> None:
    body, part = UNSAFE[path]
    assert part in why(path, body)


def test_what_is_loaded_as_a_pickle_is_scanned_as_one_whatever_its_name() -> None:
    assert "nobody" not in why("weights.txt", b"hello")
    assert "pickle" in why("weights.txt", b"hello", pickled=True)
    assert why("weights.txt", pickle.dumps([1]), pickled=True) == ""


def test_archives_in_archives_end() -> None:
    body = b"hello"
    for _ in range(5):
        body = zipped(a_zip=body)
    assert "too deep" in why("deep.zip", body)


def test_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"x")
        archive.infolist()[0].file_size = 2**40
    assert "too much" in why("bomb.zip", out.getvalue())


def test_only_whole_names_of_the_list_are_allowed() -> None:
    assert is_allowed("sklearn.tree._classes", "DecisionTreeClassifier")
    assert not is_allowed("sklearn.utils", "check_array")
    assert not is_allowed("sklearnx.evil", "Thing")
    assert not is_allowed("builtins", "getattr")


def test_the_process_answers_for_files_by_their_places(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pickle.dumps(Evil()))
    said = f'[["model.pkl", "{tmp_path}/a", false], ["gone.pkl", "{tmp_path}/b", false]]'
    done = subprocess.run(
        [sys.executable, "-m", "registry.scan"], input=said, capture_output=True, text=True, check=True
    )
    assert "posix.system" in done.stdout
    assert "gone.pkl" in done.stdout

"""What the web side and the data plane say to each other."""

import json
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core import canonical
from serving import contract
from serving.contract import (
    ContractError,
    Desired,
    FeaturePolicy,
    FileLine,
    Inference,
    Layout,
    Observed,
    Sample,
    Token,
    TokenTable,
)

HEX = "a" * 64
DESIRED = Desired(
    "r-1", "fraud", "scorer", "3", HEX, (FileLine("MLmodel", HEX, 3),), HEX, "required", 512, 1, "rollout-1", "key-1"
)
OBSERVED = Observed("r-1", "key-1", 1, "ready", 7, 8, "/tmp/s", HEX, "landlock", "Files by Landlock.", 1.5)  # noqa: S108
TOKENS = TokenTable(1.5, {HEX: Token("fraud", "predict", None)})
SAMPLE = Sample(1, {"age": [30]}, [1])
INFERENCE = Inference("id", "fraud", "scorer", "3", HEX, "canary", 1, 0.5, 200, 1, [1], SAMPLE, [0.5])


FEATURES = FeaturePolicy(50.0, ("iban",), ("city",), "salt")
DOCUMENTS = [DESIRED, OBSERVED, TOKENS, INFERENCE, FEATURES]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: type(one).__name__)
def test_a_document_comes_back_as_it_was_written(document: Any, tmp_path: Path) -> None:
    contract.dump(tmp_path / "one.json", document)
    assert contract.load(tmp_path / "one.json", type(document)) == document
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_a_newer_writers_key_does_not_stop_a_reader() -> None:
    text = json.dumps({"type": Desired.KIND, **asdict(DESIRED), "later": 1}).encode()
    assert contract.parse(text, Desired) == DESIRED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "signoff.observed/1"}, "should be a signoff.desired/1 and is 'signoff.observed/1'"),
        ({"fence": "1"}, "fence should be int and is str"),
        ({"fence": True}, "fence should be int and is bool"),
        ({"sandbox": "maybe"}, "sandbox should be one of required, unsandboxed and is 'maybe'"),
        ({"manifest": {}}, "manifest"),
        ({"manifest": [{"path": "a"}]}, "manifest[0] lacks a part"),
        ({"manifest": [{"path": "../a", "sha256": HEX, "size": 1}]}, "not a plain path"),
        ({"manifest": [{"path": "/a", "sha256": HEX, "size": 1}]}, "not a plain path"),
        ({"manifest": [{"path": "a//b", "sha256": HEX, "size": 1}]}, "not a plain path"),
        ({"digest": "abc"}, "digest should be a SHA-256 in hex"),
        ({"replica": "../x"}, "replica should be small letters"),
    ],
)
def test_bad_content_is_one_sentence(change: dict[str, Any], said: str) -> None:
    text = json.dumps({"type": Desired.KIND, **asdict(DESIRED), **change}).encode()
    with pytest.raises(ContractError) as refused:
        contract.parse(text, Desired, "r-1.json")
    assert said in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"null"])
def test_what_is_no_document_is_refused(text: bytes) -> None:
    with pytest.raises(ContractError):
        contract.parse(text, TokenTable)


def test_a_manifests_digest_is_the_registrys() -> None:
    files = (FileLine("b", HEX, 2), FileLine("ä/a", HEX, 1))
    body = {"type": "signoff.manifest/1", "files": [asdict(files[0]), asdict(files[1])]}
    assert contract.manifest_digest(files[::-1]) == canonical.digest(body)


def test_a_socket_is_found_at_the_same_place_by_another_user_with_another_tmpdir(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layout = Layout(Path("/" + "deep/" * 30))
    before = layout.socket("r-1"), layout.admin_socket
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    assert (layout.socket("r-1"), layout.admin_socket) == before


def test_a_socket_path_stays_short_under_a_deep_home() -> None:
    for home in (Path("/var/lib/signoff"), Path("/" + "deep/" * 30)):
        assert len(str(Layout(home).socket("a" * 63))) < contract.SOCKET_BYTES
    assert Layout(Path("/a")).socket("r-1") != Layout(Path("/a")).socket("r-2")
    with pytest.raises(ContractError):
        replace(OBSERVED, socket="/" + "a" * 100)

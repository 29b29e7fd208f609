"""Signatures as OpenSSF's own tool made them: `model_signing sign key`, over the files beside this test."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from registry import maker

HERE = Path(__file__).parent
BUNDLE = (HERE / "signed_model" / maker.SIGNATURE).read_bytes()
KEYS = {"dana": (HERE / "maker.pem").read_bytes()}
FILES = {
    str(path.relative_to(HERE / "signed_model")): hashlib.sha256(path.read_bytes()).hexdigest()
    for path in (HERE / "signed_model").rglob("*")
    if path.is_file() and path.name != maker.SIGNATURE
}


def test_the_tools_own_signature_holds() -> None:
    assert maker.judge(BUNDLE, FILES, KEYS) == maker.Word(good=True, words="Signed by dana.")


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({**FILES, "model.skops": "0" * 64}, "model.skops"),
        ({**FILES, "extra.py": "0" * 64}, "extra.py"),
        ({path: digest for path, digest in FILES.items() if path != "MLmodel"}, "MLmodel"),
    ],
)
def test_other_files_are_named(files: dict[str, str], part: str) -> None:
    word = maker.judge(BUNDLE, files, KEYS)
    assert not word.good
    assert part in word.words


def test_only_trusted_keys_count_and_every_byte_of_the_statement() -> None:
    assert "No trusted key" in maker.judge(BUNDLE, FILES, {}).words
    said = json.loads(BUNDLE)
    payload = base64.b64decode(said["dsseEnvelope"]["payload"]).replace(b"MLmodel", b"MLmodeL")
    said["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    assert "No trusted key" in maker.judge(json.dumps(said).encode(), FILES, KEYS).words


@pytest.mark.parametrize("bundle", [b"", b"{}", b"[]", b'{"dsseEnvelope": {"payload": "!", "signatures": []}}'])
def test_what_is_no_bundle_is_said_to_be_none(bundle: bytes) -> None:
    assert "cannot be read" in maker.judge(bundle, FILES, KEYS).words


def test_a_file_that_is_no_key_signs_nothing() -> None:
    assert "No trusted key" in maker.judge(BUNDLE, FILES, {"x": b"hello"}).words

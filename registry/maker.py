"""Checks the signature that a model's maker laid beside its files: OpenSSF model signing, with a key that is trusted.

The bundle is a DSSE envelope around an in-toto statement that lists each file with its SHA-256. Keys are PEM files in
the home's `keys/makers`; certificates and transparency logs are not asked.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

SIGNATURE = "model.sig"
PREDICATE = "https://model_signing/signature/v1.0"
PAYLOAD = "application/vnd.in-toto+json"
LIMIT = 32 * 2**20
HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
Keys = Mapping[str, bytes]


@dataclass(frozen=True)
class Word:
    """What the signature is worth, in words; `good` where a trusted key signed exactly these files."""

    good: bool
    words: str


def trusted(folder: Path) -> dict[str, bytes]:
    """Return the keys that are trusted, by name."""
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.pem"))} if folder.is_dir() else {}


def digest_of(keys: Keys) -> str:
    """Return what changes when other keys are trusted."""
    return hashlib.sha256(b"\0".join(name.encode() + b"\0" + key for name, key in keys.items())).hexdigest()


def judge(bundle: bytes, files: Mapping[str, str], keys: Keys) -> Word:
    """Return what `bundle` is worth for `files` (path to SHA-256, the bundle itself left out)."""
    try:
        envelope = json.loads(bundle)["dsseEnvelope"]
        payload, kind = base64.b64decode(envelope["payload"]), str(envelope["payloadType"])
        signatures = [base64.b64decode(one["sig"]) for one in envelope["signatures"]]
        statement = json.loads(payload)
    except (ValueError, KeyError, TypeError):
        return Word(good=False, words="The signature cannot be read.")
    signer = next((name for name, key in keys.items() if _signed(key, kind, payload, signatures)), None)
    if signer is None:
        return Word(good=False, words="No trusted key signed these files.")
    if kind != PAYLOAD or statement.get("predicateType") != PREDICATE:
        return Word(good=False, words="What was signed is no statement about a model.")
    if wrong := _differing(statement, files):
        return Word(good=False, words=f"Signed by {signer}, but for other files: {', '.join(wrong)[:120]}.")
    return Word(good=True, words=f"Signed by {signer}.")


def _signed(pem: bytes, kind: str, payload: bytes, signatures: list[bytes]) -> bool:
    """Whether one of `signatures` is by this key, over DSSE's pre-authentication encoding."""
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.key_size not in HASHES:
        return False
    said = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    for signature in signatures:
        try:
            key.verify(signature, said, ec.ECDSA(HASHES[key.curve.key_size]))
        except InvalidSignature:
            continue
        return True
    return False


def _differing(statement: dict[str, Any], files: Mapping[str, str]) -> list[str]:
    """Return the paths that are not as signed: changed, missing, or not signed at all."""
    try:
        resources = statement["predicate"]["resources"]
        signed = {str(one["name"]): str(one["digest"]) for one in resources if one["algorithm"] == "sha256"}
    except (KeyError, TypeError):
        return ["none is listed"]
    return sorted(path for path in signed.keys() | files.keys() if signed.get(path) != files.get(path))

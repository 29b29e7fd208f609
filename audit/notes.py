"""Signed notes and checkpoints as C2SP writes them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519."""

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
DASH = "\u2014"
ORIGIN = "signoff/ledger"  # the name of our checkpoints and of the key that signs them


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that name a key in a signature line."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


@dataclass(frozen=True)
class Signer:
    """A named Ed25519 key."""

    name: str
    key: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def verifier_key(self) -> str:
        """The public half in C2SP's text form: name+id+base64(algorithm ‖ key)."""
        return f"{self.name}+{key_id(self.name, self.public).hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def sign(self, text: str) -> str:
        """Return `text`, which ends in a newline, as a signed note."""
        signature = key_id(self.name, self.public) + self.key.sign(text.encode())
        return f"{text}\n{DASH} {self.name} {base64.b64encode(signature).decode()}\n"


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the body of a checkpoint."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


@dataclass(frozen=True)
class Statement:
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


def opened(note: str, verifier_key: str) -> Statement:
    """Return what `note` says, its signature by `verifier_key` checked. Raises ValueError where it does not hold."""
    name, _, encoded = verifier_key.split("+", 2)
    public = base64.b64decode(encoded)[1:]
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        words = line.split(" ")
        if len(words) != 3 or words[:2] != [DASH, name]:  # noqa: PLR2004 - dash, name, signature
            continue
        raw = base64.b64decode(words[2])
        if raw[:4] != key_id(name, public):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
        except InvalidSignature as why:
            raise ValueError("the checkpoint's signature is wrong") from why
        origin, size, root = text.splitlines()[:3]
        return Statement(origin, int(size), base64.b64decode(root))
    raise ValueError(f"no signature by {name}")


def kept_signer(folder: Path, name: str) -> Signer:
    """Return the ledger's key from `folder`, made on first use with mode 0600, its public half beside it."""
    path = folder / "ledger.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".ledger.key.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            draft.touch(mode=0o600)
            draft.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    signer = Signer(name, Ed25519PrivateKey.from_private_bytes(path.read_bytes()))
    public = folder / "ledger.pub"
    if not public.exists():
        public.write_text(signer.verifier_key + "\n")
    return signer

"""Client certificates: whoever connects shows one that the named authority signed.

The supervisor connects too, to ask whether the server is ready, so it makes a certificate of its own at each start.
"""

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

FOREVER = dt.timedelta(days=3650)  # of a process; the next start makes another


@dataclass(frozen=True)
class Admitted:
    """Files: the certificates that vouch for a client, and the supervisor's own certificate with its key."""

    vouching: Path
    own: Path


def admit(authority: Path, folder: Path) -> Admitted:
    """Write both files into `folder`, the key readable by its owner only; replaces what an earlier start wrote."""
    cert, key = _self_signed()
    made = Admitted(folder / "clients.pem", folder / "supervisor.pem")
    _write(made.vouching, authority.read_bytes().rstrip() + b"\n" + cert)
    _write(made.own, cert + key)
    return made


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signoff supervisor")])
    now = dt.datetime.now(dt.UTC)
    since, until = now - dt.timedelta(hours=1), now + FOREVER
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), since, until)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("supervisor.invalid")]), critical=False)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, *form),
    )

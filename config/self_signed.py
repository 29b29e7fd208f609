"""A certificate that vouches for itself, for a home without one of an authority. Clients trust it by its file."""

import datetime as dt
import ipaddress
import os
from collections.abc import Collection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

WORD = "self-signed"  # as SIGNOFF_TLS_CERT
LASTS, RENEWED = dt.timedelta(days=397), dt.timedelta(days=30)  # browsers refuse longer ones; renewed so long before
LOCAL = ("localhost", "127.0.0.1", "::1")


def ensure(cert: Path, key: Path, names: Collection[str]) -> str:
    """Make sure that `cert` and `key` hold for `names` and 30 days more; return the certificate's SHA-256.

    One that does is kept, so that whoever trusts its file goes on to. Raises OSError where it cannot be written.
    """
    wanted = sorted({*LOCAL, *names})
    if (found := _kept(cert, key)) is None or not _is_good(found, wanted):
        found = _make(cert, key, wanted)
    return found.fingerprint(hashes.SHA256()).hex()


def _kept(cert: Path, key: Path) -> x509.Certificate | None:
    try:
        found = x509.load_pem_x509_certificate(cert.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    return found if private.public_key() == found.public_key() else None


def _is_good(found: x509.Certificate, wanted: Collection[str]) -> bool:
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    named = {*said.get_values_for_type(x509.DNSName), *map(str, said.get_values_for_type(x509.IPAddress))}
    return named.issuperset(wanted) and found.not_valid_after_utc - dt.datetime.now(dt.UTC) > RENEWED


def _make(cert: Path, key: Path, names: Collection[str]) -> x509.Certificate:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Signoff")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(
            subject,
            subject,
            private.public_key(),
            x509.random_serial_number(),
            now - dt.timedelta(hours=1),
            now + LASTS,
        )
        .add_extension(x509.SubjectAlternativeName([_named(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write(key, private.private_bytes(pem, form, serialization.NoEncryption()))
    _write(cert, made.public_bytes(pem))
    return made


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    """Rename a file with the content to `path`; nobody but its owner reads it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)

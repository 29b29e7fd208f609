"""A certificate for loopback, as a test needs one."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def authority(folder: Path) -> tuple[Path, Path]:
    """Return the certificate of an authority, and one file with a client's certificate and key that it signed."""
    ca, client = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "dana")]
    now = dt.datetime.now(dt.UTC)
    until = now + dt.timedelta(1)
    alone = x509.CertificateBuilder(names[0], names[0], ca.public_key(), x509.random_serial_number(), now, until)
    vouching = alone.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = x509.CertificateBuilder(names[0], names[1], client.public_key(), x509.random_serial_number(), now, until)
    signed = signed.add_extension(x509.SubjectAlternativeName([x509.DNSName("dana")]), critical=False)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = client.private_bytes(pem, form, serialization.NoEncryption())
    first, second = folder / "authority.pem", folder / "client.pem"
    first.write_bytes(vouching.sign(ca, hashes.SHA256()).public_bytes(pem))
    second.write_bytes(signed.sign(ca, hashes.SHA256()).public_bytes(pem) + private)
    return first, second


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(pem))
    private.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return cert, private

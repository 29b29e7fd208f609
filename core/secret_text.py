"""Texts that must be read again and that the database must not give away, such as the secrets of webhooks."""

import base64
import functools
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Unreadable(Exception):
    """It was hidden under another SIGNOFF_SECRET_KEY."""


def hide(text: str) -> bytes:
    """Return `text` encrypted under a key made from the home's secret; nothing for nothing."""
    return _cipher(settings.SECRET_KEY).encrypt(text.encode()) if text else b""


def reveal(hidden: bytes) -> str:
    """Return what was hidden. Raises Unreadable where the home's secret is another now."""
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - only who keeps a secret waits for the library

    try:
        return _cipher(settings.SECRET_KEY).decrypt(hidden).decode() if hidden else ""
    except InvalidToken as why:
        raise Unreadable("The secret was kept under another SIGNOFF_SECRET_KEY. Set it anew.") from why


@functools.cache
def _cipher(secret: str) -> "Fernet":
    from cryptography.fernet import Fernet  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    derived = HKDF(SHA256(), 32, salt=None, info=b"signoff secret texts").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))

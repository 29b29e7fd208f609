"""The one client for addresses that people give us: https, public addresses, no redirects, a deadline for the whole."""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from core.refusals import Invalid
from core.version import VERSION

CONNECT_S, TOTAL_S = 5.0, 10.0
ANSWER_MAX = 4_000
ADDRESSES_MAX = 3
URL_MAX = 500
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
PORTS = {"http": 80, "https": 443}
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Unreachable(Exception):
    """Nobody answered: no such name, no connection, no trust, or no answer in time. Trying again may help."""


class Forbidden(Exception):
    """The name leads to an address that is not public. Trying again does not help."""


@dataclass(frozen=True)
class Answer:
    """What came back, of its body the first 4,000 bytes."""

    status: int
    body: str
    retry_after: str = ""


def check_address(url: str) -> str:
    """Return `url`; raise Invalid for another scheme than the allowed, no host, credentials or a host not public."""
    parts = _parsed(url)
    if parts.scheme not in settings.WEBHOOK_ALLOWED_SCHEMES:
        allowed = ", ".join(settings.WEBHOOK_ALLOWED_SCHEMES)
        raise Invalid(f"Invalid webhook URL scheme: '{parts.scheme}'. Allowed schemes are: {allowed}.", field="url")
    if not parts.hostname:
        raise Invalid("Webhook URL must include a hostname.", field="url")
    if parts.username or parts.password or parts.fragment:
        raise Invalid("Webhook URL must hold neither credentials nor a fragment.", field="url")
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        try:
            _public_addresses(parts)
        except (Unreachable, Forbidden) as why:
            raise Invalid(f"Webhook URL: {why}", field="url") from why
    return url


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send `body` and return the answer. A redirect is an answer like any other: it is not followed.

    Raises Unreachable and Forbidden. The address that is connected to is the one that was judged.
    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    said = {"Content-Type": "application/json", "User-Agent": f"Signoff/{VERSION}", "Connection": "close", **headers}
    line, late = _connected(parts), threading.Event()
    watch = threading.Timer(TOTAL_S, _cut, [line.sock, late])
    watch.daemon = True
    watch.start()
    try:
        if isinstance(line.sock, ssl.SSLSocket):
            line.sock.do_handshake()
        line.request("POST", path, body=body, headers=said)
        found = line.getresponse()
        text = found.read(ANSWER_MAX).decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    except (OSError, http.client.HTTPException) as why:
        is_late = late.is_set() or isinstance(why, TimeoutError)
        ended = f"no answer within {TOTAL_S:.0f} s" if is_late else f"no answer: {_words(why)}"
        raise Unreachable(ended) from why
    finally:
        watch.cancel()
        line.close()
    if late.is_set():
        raise Unreachable(f"no whole answer within {TOTAL_S:.0f} s")
    return Answer(found.status, text, found.headers.get("Retry-After", ""))


def _cut(line: socket.socket, late: threading.Event) -> None:
    """End a connection that takes too long, whatever it is busy with: a reader then sees its end."""
    late.set()
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _parsed(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_MAX:
        raise Invalid(f"Webhook URL must be plain ASCII without spaces, at most {URL_MAX} characters.", field="url")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as why:
        raise Invalid(f"Invalid webhook URL: {why}.", field="url") from why
    return parts


def _public_addresses(parts: SplitResult) -> list[tuple[int, tuple[object, ...]]]:
    """Return family and address of each way to the host; raise Forbidden where one of them is not public."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or PORTS.get(parts.scheme, 443), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as why:
        raise Unreachable(f"cannot resolve the host {host}.") from why
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        for _, _, _, _, address in found:
            _require_public(str(address[0]))
    return [(family, address) for family, _, _, _, address in found]


def _require_public(text: str) -> None:
    if not is_public(ipaddress.ip_address(text.partition("%")[0])):
        raise Forbidden(f"{text} is not a public address; SIGNOFF_WEBHOOK_ALLOW_PRIVATE=on allows it.")


def is_public(address: IP) -> bool:
    """Whether `address` lies on the internet, seen through the forms of IPv6 that wrap an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if wrapped is None and address in NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            address = wrapped
    return address.is_global and not address.is_multicast


def _connected(parts: SplitResult) -> http.client.HTTPConnection:
    """Return a connection whose socket is open, to the first address that answers; TLS is yet to begin."""
    host, why = parts.hostname or "", "no address"
    for family, address in _public_addresses(parts)[:ADDRESSES_MAX]:
        raw = socket.socket(family, socket.SOCK_STREAM)
        raw.settimeout(CONNECT_S)
        try:
            raw.connect(address)
        except OSError as error:
            raw.close()
            why = _words(error)
            continue
        raw.settimeout(TOTAL_S)
        line = http.client.HTTPConnection(host, parts.port or PORTS[parts.scheme])
        line.default_port = PORTS[parts.scheme]  # left out of the Host header
        line.sock = _to_secure(raw, host) if parts.scheme == "https" else raw
        return line
    raise Unreachable(f"cannot connect to {host}: {why}")


def _to_secure(raw: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)


def _words(error: Exception) -> str:
    said = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error)
    return str(said or type(error).__name__)[:200]

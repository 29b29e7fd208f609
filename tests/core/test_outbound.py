import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from core import outbound
from core.refusals import Invalid
from tests.certificates import certificate
from tests.registry.webhooks.receiver import Receiver

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip


@pytest.fixture
def strict(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    settings.WEBHOOK_ALLOWED_SCHEMES = ["https", "http"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """Yield the address of a server that does to one connection what `answer` says."""

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            answer(line)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_known_in_every_form(address: str) -> None:
    assert not outbound.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["192.0.78.9", "2a00:1450:4001:80b::200e", "::ffff:192.0.78.9", "64:ff9b::c000:4e09"]
)
def test_public_addresses_are_too(address: str) -> None:
    assert outbound.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "hook", "/hook", "https://", "https:///x", "ftp://a.example/x", "file:///etc/passwd", "gopher://127.0.0.1",
        "https://127.0.0.1/x", "https://[::1]/", "https://localhost/x", "https://0x7f.1/", "https://2130706433/",
        "https://127.1/", "https://0177.0.0.1/", "https://169.254.169.254/latest", "https://user:pass@192.0.78.9/",
        "https://192.0.78.9/#part", "https://192.0.78.9:99999/", "https://192.0.78.9:x/", "https://[::1", "https://b\u00fccher.example/",
        "https://192.0.78.9/a b", "https://192.0.78.9/\r\nX: y", "https://192.0.78.9/" + "x" * 500, "https://192.0.78.9\\@127.0.0.1/",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("strict")
def test_an_address_that_leads_nowhere_safe_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        outbound.check_address(url)


@pytest.mark.usefixtures("strict")
def test_a_public_address_is_taken_and_http_only_where_it_is_allowed(settings: Settings) -> None:
    assert outbound.check_address("https://192.0.78.9:8443/hook?x=1") == "https://192.0.78.9:8443/hook?x=1"
    outbound.check_address("http://192.0.78.9/")
    settings.WEBHOOK_ALLOWED_SCHEMES = ["https"]
    with pytest.raises(Invalid, match="scheme"):
        outbound.check_address("http://192.0.78.9/")


@pytest.mark.usefixtures("strict")
def test_a_name_that_leads_inside_is_found_out_when_it_is_connected_to(receiver: Receiver) -> None:
    """Whatever it led to when it was given: what is judged is the address that is connected to."""
    with pytest.raises(outbound.Forbidden, match="not a public address"):
        outbound.post(receiver.url, b"{}", {})
    assert receiver.got == []


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(302, "Location", receiver.url)]
    assert outbound.post(receiver.url, b"{}", {}).status == 302
    assert len(receiver.got) == 1


def test_what_is_sent_arrives_with_path_and_headers(receiver: Receiver) -> None:
    answer = outbound.post(receiver.url, b'{"a": 1}', {"X-More": "yes"})
    assert (answer.status, answer.body) == (200, "seen")
    assert receiver.got[0].body == b'{"a": 1}'
    assert receiver.got[0].headers["X-More"] == "yes"
    assert receiver.got[0].headers["User-Agent"].startswith("Signoff/")


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def flood(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                line.sendall(b"x" * 65536)
        except OSError:
            pass

    with server(flood) as url:
        assert len(outbound.post(url, b"{}", {}).body) == outbound.ANSWER_MAX


def test_an_answer_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TOTAL_S", 0.6)

    def drip(line: socket.socket) -> None:
        try:
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            while not threading.Event().wait(0.1):
                line.sendall(b"x")
        except OSError:
            pass

    with server(drip) as url, pytest.raises(outbound.Unreachable, match="within 1 s"):
        outbound.post(url, b"{}", {})


def test_nobody_who_answers_in_time_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TOTAL_S", 0.6)
    gate = threading.Event()
    with server(lambda _: gate.wait(5)) as url, pytest.raises(outbound.Unreachable, match=r"^no answer within 1 s$"):
        outbound.post(url, b"{}", {})
    gate.set()


def test_what_is_no_http_and_nobody_at_all_are_unreachable() -> None:
    with server(lambda line: line.sendall(b"hello\r\n\r\n")) as url, pytest.raises(outbound.Unreachable):
        outbound.post(url, b"{}", {})
    with pytest.raises(outbound.Unreachable, match="cannot connect"):
        outbound.post("http://127.0.0.1:9/", b"{}", {})
    with pytest.raises(outbound.Unreachable, match="resolve"):
        outbound.post("http://nowhere.invalid/", b"{}", {})


def tls_server(folder: Path) -> tuple[Receiver, Path]:
    """Return a receiver behind TLS and the certificate that vouches for it."""
    cert, key = certificate(folder)
    made = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    made.server.socket = context.wrap_socket(made.server.socket, server_side=True)
    made.url = made.url.replace("http://", "https://")
    return made, cert


def test_a_certificate_is_trusted_only_if_somebody_vouches_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, cert = tls_server(tmp_path)
    try:
        with pytest.raises(outbound.Unreachable, match=r"self.signed certificate"):
            outbound.post(receiver.url, b"{}", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert outbound.post(receiver.url, b"{}", {}).status == 200
        with pytest.raises(outbound.Unreachable, match="mismatch"):
            outbound.post(receiver.url.replace("127.0.0.1", "localhost"), b"{}", {})
    finally:
        receiver.close()
    assert len(receiver.got) == 1


def test_a_handshake_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TOTAL_S", 0.6)
    gate = threading.Event()
    with server(lambda _: gate.wait(5)) as url, pytest.raises(outbound.Unreachable):
        outbound.post(url.replace("http://", "https://"), b"{}", {})
    gate.set()

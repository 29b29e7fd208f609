import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from django.test import RequestFactory

from config import processes, startup
from config.env import is_loopback
from config.logs import NoProbes
from config.processes import Address
from tests.certificates import certificate

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_no_tls(bind: str) -> None:
    startup.check_bind(bind, cert="", key="", proxy=False)


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "10.0.0.5", "signoff.example.org"])
def test_another_address_without_tls_is_refused_with_what_to_set(bind: str) -> None:
    assert not is_loopback(bind)
    with pytest.raises(startup.CannotStart, match="Set SIGNOFF_TLS_CERT and SIGNOFF_TLS_KEY"):
        startup.check_bind(bind, cert="", key="", proxy=False)


def test_another_address_is_served_with_a_certificate_or_behind_a_proxy() -> None:
    startup.check_bind("0.0.0.0", cert="cert.pem", key="key.pem", proxy=False)
    startup.check_bind("0.0.0.0", cert="", key="", proxy=True)


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(startup.CannotStart, match="belong together"):
        startup.check_bind("127.0.0.1", cert="cert.pem", key="", proxy=False)


def test_a_certificate_that_no_server_could_use_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    cert, key = (str(path) for path in certificate(tmp_path))
    (tmp_path / "other").mkdir()
    _, foreign = (str(path) for path in certificate(tmp_path / "other"))
    startup.check_tls("", "")
    startup.check_tls(cert, key)
    with pytest.raises(startup.CannotStart, match=r"SIGNOFF_TLS_CERT: /nowhere\.pem cannot be read"):
        startup.check_tls("/nowhere.pem", key)
    with pytest.raises(startup.CannotStart, match=r"SIGNOFF_TLS_KEY: .* cannot be read"):
        startup.check_tls(cert, str(tmp_path))
    for first, second in ((cert, foreign), (key, cert), (cert, cert)):
        with pytest.raises(startup.CannotStart, match="are no certificate and its private key"):
            startup.check_tls(first, second)


def test_clients_are_asked_for_certificates_only_with_tls_and_a_file_that_holds_some(tmp_path: Path) -> None:
    cert, key = (str(path) for path in certificate(tmp_path))
    startup.check_client_ca("", "")
    startup.check_client_ca(cert, cert)
    with pytest.raises(startup.CannotStart, match="needs SIGNOFF_TLS_CERT"):
        startup.check_client_ca(cert, "")
    for path in (key, "/nowhere.pem", str(tmp_path)):
        with pytest.raises(startup.CannotStart, match=r"SIGNOFF_TLS_CLIENT_CA: .* holds no certificates"):
            startup.check_client_ca(path, cert)


def test_a_taken_port_is_refused_by_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(startup.CannotStart, match=f"port {port}.*Choose another"):
            startup.free_port("127.0.0.1", port)


def test_port_zero_chooses_a_free_one() -> None:
    port = startup.free_port("127.0.0.1", 0)
    assert startup.free_port("127.0.0.1", port) == port > 0


def test_a_home_is_served_once_and_the_refusal_names_the_pid(tmp_path: Path) -> None:
    second = f"from config import startup; from pathlib import Path; startup.sole(Path({str(tmp_path)!r})).__enter__()"
    with startup.sole(tmp_path):
        refused = subprocess.run([sys.executable, "-c", second], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"Process {os.getpid()} already serves the home" in refused.stderr
    with startup.sole(tmp_path):
        pass


def test_a_note_exists_only_while_it_is_true(tmp_path: Path) -> None:
    note = tmp_path / "up.json"
    note.write_text("from an earlier run")
    with startup.noted(note):
        assert not note.exists()
        startup.write_note(note, {"port": 1})
        assert json.loads(note.read_text()) == {"port": 1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 8000), "http://127.0.0.1:8000"),
        (Address("0.0.0.0", 443, "cert.pem", "key.pem"), "https://127.0.0.1:443"),
        (Address("::1", 8000), "http://[::1]:8000"),
        (Address("::", 8000), "http://[::1]:8000"),
    ],
)
def test_the_shown_address_is_one_this_machine_can_open(address: Address, url: str) -> None:
    assert address.url == url


def test_nothing_that_listens_is_not_ready() -> None:
    assert Address("127.0.0.1", startup.free_port("127.0.0.1", 0)).down() is None


def test_what_keeps_it_from_being_ready_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, str] | None] = [None, {"ledger": "lost"}, {"ledger": "lost"}, {"files": "full"}, {}]
    monkeypatch.setattr(Address, "down", lambda _self: answers.pop(0))
    ready = processes.Ready(Address("127.0.0.1", 1))
    ready.began -= processes.PATIENCE_S + 1
    with structlog.testing.capture_logs() as said:
        assert [ready() for _ in range(5)] == [False, False, False, False, True]
    assert [line for line in said if line["event"] == "not ready yet"] == [
        {"event": "not ready yet", "log_level": "warning", "ledger": "lost"},
        {"event": "not ready yet", "log_level": "warning", "files": "full"},
    ]


def test_a_place_for_the_checkpoints_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    startup.check_checkpoint_file(tmp_path / "new" / "checkpoints.txt")
    assert (tmp_path / "new" / "checkpoints.txt").exists()
    (tmp_path / "plain").touch()
    with pytest.raises(startup.CannotStart, match="Set SIGNOFF_CHECKPOINT_FILE to a file that"):
        startup.check_checkpoint_file(tmp_path / "plain" / "x")


def test_a_probe_that_is_not_ready_fills_no_log() -> None:
    said = logging.LogRecord("django.request", logging.ERROR, "", 0, "Service Unavailable: %s", ("/readyz",), None)
    said.request = RequestFactory().get("/readyz")
    other = logging.LogRecord("django.request", logging.ERROR, "", 0, "Internal Server Error: %s", ("/",), None)
    other.request = RequestFactory().get("/")
    assert [NoProbes().filter(said), NoProbes().filter(other)] == [False, True]

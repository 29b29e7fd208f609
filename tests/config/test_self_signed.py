"""A certificate that vouches for itself: kept while it is good, for every name the home is reached by."""

import http.client
import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from config import self_signed
from tests.faults.test_up import Served


def made(folder: Path, *names: str) -> str:
    return self_signed.ensure(folder / "tls.crt", folder / "tls.key", names)


def test_it_is_kept_while_it_is_good_and_made_anew_for_another_name_or_near_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(tmp_path, "signoff.example.org", "10.0.0.5")
    assert made(tmp_path, "10.0.0.5") == first
    found = x509.load_pem_x509_certificate((tmp_path / "tls.crt").read_bytes())
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert said.get_values_for_type(x509.DNSName) == ["localhost", "signoff.example.org"]
    assert stat.S_IMODE((tmp_path / "tls.key").stat().st_mode) == 0o600
    second = made(tmp_path, "other.example.org")
    monkeypatch.setattr(self_signed, "RENEWED", timedelta(days=396))
    assert len({first, second, made(tmp_path, "other.example.org")}) == 2
    monkeypatch.setattr(self_signed, "RENEWED", timedelta(days=398))
    assert made(tmp_path, "other.example.org") not in {first, second}


@pytest.mark.parametrize("damaged", ["tls.crt", "tls.key"])
def test_half_of_it_or_what_is_none_is_made_anew(tmp_path: Path, damaged: str) -> None:
    first = made(tmp_path)
    (tmp_path / damaged).write_text("-----BEGIN")
    assert made(tmp_path) != first
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


@pytest.mark.faults
def test_a_home_without_a_certificate_serves_https_to_whoever_trusts_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Served, "settings", {"SIGNOFF_TLS_CERT": "self-signed"}, raising=False)
    served = Served(tmp_path / "home")
    try:
        served.wait_ready()
        port = int(str(served.note()["port"]))
        trusting = ssl.create_default_context(cafile=str(tmp_path / "home" / "keys" / "tls.crt"))
        line = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=5)
        line.request("GET", "/login")
        answer = line.getresponse()
        assert answer.status == 200
        assert answer.getheader("Strict-Transport-Security") is None
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("localhost", port, timeout=5).request("GET", "/login")
    finally:
        served.popen.terminate()
        served.popen.wait(10)

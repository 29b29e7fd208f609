"""The server that is imported from, over MLflow's REST alone."""

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from core.refusals import Invalid, Refusal

Json = dict[str, Any]
CHUNK = 1024 * 1024
PATIENCE_S, TRIES = 60, 4
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
PAGE = 1000


class Unreachable(Refusal):
    """The other server did not answer, or with something else than was asked for. `status` is its HTTP status."""

    kind = "unreachable"

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Credentials go to the server they were given for."""

    def redirect_request(self, *_args: object, **_named: object) -> None:
        """Follow nothing."""


class Source:
    """Reads one server, with the credentials the MLflow client would use."""

    def __init__(self, uri: str, environ: Mapping[str, str]) -> None:
        parts = urlsplit(uri)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise Invalid(
                f"{uri.rpartition('@')[2]} is no MLflow server's address.",
                next_step="Give one such as https://mlflow.example.org; a password goes in MLFLOW_TRACKING_PASSWORD.",
                field="uri",
            )
        self.uri = uri.rstrip("/")
        self.place = parts.netloc
        self._headers = {"User-Agent": "signoff-import", **_authorization(environ)}
        handler = urllib.request.HTTPSHandler(context=_context(environ))
        self._opener = urllib.request.build_opener(NoRedirect, handler)

    def get(self, path: str, /, **query: object) -> Json:
        """Return what a GET answers."""
        return self._read(self._request(path, query))

    def post(self, path: str, body: Json) -> Json:
        """Return what a POST, of those that only read, answers."""
        return self._read(self._request(path, {}, body))

    def pages(self, key: str, path: str, /, *, body: Json | None = None, **query: object) -> Iterator[Json]:
        """Yield the rows under `key` of every page; the fields go in `body` where there is one, else in the query."""
        fields = dict(body if body is not None else query)
        while True:
            said = self.post(path, fields) if body is not None else self.get(path, **fields)
            yield from said.get(key) or ()
            if not (token := said.get("next_page_token")):
                return
            fields["page_token"] = token

    def stream(self, path: str, /, **query: object) -> Iterator[bytes]:
        """Yield a file's bytes in pieces of 1 MiB; raise Unreachable where fewer come than were announced."""
        request = self._request(path, query)
        with self._open(request) as answer:
            announced, got = answer.headers.get("Content-Length"), 0
            try:
                while chunk := answer.read(CHUNK):
                    got += len(chunk)
                    yield chunk
            except OSError as why:
                raise Unreachable(f"{path} was cut off: {why}") from why
            if announced is not None and got != int(announced):
                raise Unreachable(f"{path} was cut off: {got} of {announced} bytes came.")

    def _request(self, path: str, query: Mapping[str, object], body: Json | None = None) -> urllib.request.Request:
        words = urlencode({name: value for name, value in query.items() if value != ""}, doseq=True)
        address = f"{self.uri}/{quote(path)}" + (f"?{words}" if words else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Type": "application/json"} if data else self._headers
        return urllib.request.Request(address, data, headers)  # noqa: S310 - http or https, see __init__

    def _read(self, request: urllib.request.Request) -> Json:
        try:
            with self._open(request) as answer:
                said = json.loads(answer.read() or b"{}")
        except (OSError, ValueError) as why:
            raise Unreachable(f"{_bare(request)} answered no JSON: {why}") from why
        if not isinstance(said, dict):
            raise Unreachable(f"{_bare(request)} answered {type(said).__name__}, not an object.")
        return said

    def _open(self, request: urllib.request.Request) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return self._opener.open(request, timeout=PATIENCE_S)
            except urllib.error.HTTPError as why:
                if why.code not in AGAIN or not left:
                    raise Unreachable(f"{_bare(request)} answered {why.code}: {_words(why)}", status=why.code) from why
            except OSError as why:
                if not left:
                    raise Unreachable(f"{_bare(request)} does not answer: {why}") from why
            time.sleep(2.0 ** (TRIES - left - 2))
        raise AssertionError("the last try returns or raises")


def _authorization(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the header; a user name with password wins over a token, as with the MLflow client."""
    name, password = environ.get("MLFLOW_TRACKING_USERNAME"), environ.get("MLFLOW_TRACKING_PASSWORD")
    if name and password:
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _context(environ: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None)
    if certificate := environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        context.load_cert_chain(certificate)
    if environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"true", "1"}:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _bare(request: urllib.request.Request) -> str:
    return f"{request.get_method()} {request.full_url.partition('?')[0]}"


def _words(why: urllib.error.HTTPError) -> str:
    """Return what the server said of it, short."""
    text = why.read(2000).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return text[:120].strip() or why.reason

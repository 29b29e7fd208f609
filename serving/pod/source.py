"""Signoff, as a pod speaks to it: by HTTP, with a token from a file that is renewed meanwhile; standard library."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from serving.contract import ContractError, FileLine

WITHIN_S = 30.0
CHUNK = 1024 * 1024
MOST = 64 * 2**20  # bytes of an answer that is no file


class Later(Exception):
    """Signoff cannot be reached, or refuses the token: it may do better later. The message is one sentence."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes nowhere but where it was meant to go."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


@dataclass(frozen=True)
class Source:
    """Signoff at `address`; `token` is the path of the pod's token, `digest` what the pod serves."""

    address: str
    token: Path
    digest: str

    def manifest(self) -> tuple[FileLine, ...]:
        """Return the files of what is served; raise ContractError for what is no list of files."""
        try:
            said = json.loads(self.small("manifest"))
            return tuple(FileLine(str(one["path"]), str(one["sha256"]), int(one["size"])) for one in said["files"])
        except (ValueError, KeyError, TypeError) as why:
            raise ContractError(f"Signoff's list of files cannot be read: {type(why).__name__}.") from why

    def small(self, what: str) -> bytes:
        """Return an answer whole."""
        with self._asked(what) as answer:
            text: bytes = answer.read(MOST + 1)
        if len(text) > MOST:
            raise Later(f"Signoff's answer about {what} is over {MOST >> 20} MiB.")
        return text

    def copy(self, line: FileLine, part: Path) -> None:
        """Bring `part` on to the whole of the file, from where it ends. Its bytes are not looked at here."""
        have = part.stat().st_size if part.exists() else 0
        if have > line.size:
            part.unlink()
            have = 0
        if have == line.size and part.exists():
            return
        with self._asked(f"files/{line.sha256}", {"Range": f"bytes={have}-"} if have else {}) as answer:
            goes_on = answer.status == HTTPStatus.PARTIAL_CONTENT
            left = line.size - have if goes_on else line.size
            with part.open("ab" if goes_on else "wb") as out:
                _pour(answer, out, left)
        if part.stat().st_size < line.size:
            raise Later(f"The connection ended within {line.path}.")

    def tell(self, lines: bytes) -> dict[str, Any]:
        """Hand lines over; return what was taken. Sent again, they are counted once."""
        request = self._request(f"{self.address}/api/v1/ingest", {"Content-Type": "application/x-ndjson"}, lines)
        with _answered(request) as answer:
            return dict(json.loads(answer.read(MOST)))

    @contextmanager
    def _asked(self, what: str, heads: dict[str, str] | None = None) -> Iterator[Any]:
        with _answered(self._request(f"{self.address}/api/v1/pods/{self.digest}/{what}", heads or {})) as answer:
            yield answer

    def _request(self, address: str, heads: dict[str, str], body: bytes | None = None) -> urllib.request.Request:
        try:
            token = self.token.read_text(encoding="ascii").strip()
        except OSError as why:
            raise Later(f"The pod's token cannot be read: {why.strerror}.") from why
        return urllib.request.Request(address, body, {**heads, "Authorization": f"Bearer {token}"})  # noqa: S310


def _pour(answer: Any, out: IO[bytes], left: int) -> None:
    """Write `left` bytes at most, as they come, so that a cut leaves what was had."""
    try:
        while left > 0 and (chunk := answer.read(min(CHUNK, left))):
            out.write(chunk)
            left -= len(chunk)
    except OSError as why:
        raise Later(f"The connection ended: {type(why).__name__}.") from why
    finally:
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def _answered(request: urllib.request.Request) -> Iterator[Any]:
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(request, timeout=WITHIN_S) as answer:
            yield answer
    except urllib.error.HTTPError as why:
        raise Later(_sentence(why)) from None
    except (OSError, ValueError) as why:
        raise Later(f"Signoff cannot be reached: {getattr(why, 'reason', None) or type(why).__name__}.") from None


def _sentence(why: urllib.error.HTTPError) -> str:
    """Return what Signoff says against it."""
    try:
        return f"Signoff says: {json.loads(why.read(65_536))['message']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"Signoff answers {why.code}."

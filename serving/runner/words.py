"""What a model server left when it ended, fit to be shown."""

import re
from pathlib import Path

from serving import launching, processes
from serving.contract import Layout

TAIL_BYTES = 16_384
LINES = 6
LONGEST = 800
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LONG = re.compile(r"(?<![\w/.-])(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[A-Za-z0-9+=_-]{32,}")
DIGEST = re.compile(r"[0-9a-f]{64}")
SECRETS = (
    (re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?)(bearer|basic)\s+[\w.~+/=-]+"), r"\1…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 …"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]+@"), r"\1…@"),
    (
        re.compile(
            r"(?i)((?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key|access[_-]?key|credential|auth\w*)"
            r"[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
        ),
        r"\1…",
    ),
    (re.compile(r"\b(?:AKIA|ASIA|ghp_|gho_|github_pat_|xox[abp]-|sk-|eyJ)[\w.-]{8,}"), "…"),
)


def of(layout: Layout, replica: str, code: int | None) -> str:
    """Return the sentence it left, else how its keeper ended, with its last lines unless it was killed.

    `code` is the keeper's, negative for a signal, None where nobody saw. Without credentials.
    """
    if said := launching.last_words(layout, replica):
        return cleaned(said)
    if code is not None and code < 0:
        return processes.killed_by(-code)
    how = "Nobody saw how." if code is None else f"It ended with code {code}."
    lines = tail(launching.log_path(layout, replica))
    return cleaned(f"{how} Its last lines:\n{lines}" if lines else how)


def tail(path: Path) -> str:
    """Return the last lines of the file that are not empty."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-LINES:])


def cleaned(text: str, *, ours: bool = False) -> str:
    """Return the text without control characters and without what looks like a credential; its end where it is long.

    Digests stay in what is `ours`.
    """
    text = CONTROL.sub("", text)
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    text = LONG.sub(lambda found: found[0] if ours and DIGEST.fullmatch(found[0]) else "…", text)
    return text.strip()[-LONGEST:]

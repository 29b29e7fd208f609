"""Makes words fit to be shown: what a program left may hold what it was given in confidence."""

import re

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


def cleaned(text: str, *, ours: bool = False) -> str:
    """Return the text without control characters and without what looks like a credential; its end where it is long.

    Digests stay in what is `ours`.
    """
    text = CONTROL.sub("", text)
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    text = LONG.sub(lambda found: found[0] if ours and DIGEST.fullmatch(found[0]) else "…", text)
    return text.strip()[-LONGEST:]

"""Reads the environment. Each setting is one row of `SETTINGS`; docs/reference/settings.md shows the same rows."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PREFIX = "SIGNOFF_"
SECRET_MIN = 32


class BadSetting(Exception):
    """A setting that stops the start; its text says what to set."""


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, how it is read, what holds without it, and what it does."""

    name: str
    read: Callable[[str], object]
    default: str
    doc: str


def text(value: str) -> str:
    """Return the value as it is."""
    return value


def secret(value: str) -> str:
    """Return an empty string or a key that is long enough to sign with."""
    if value and len(value) < SECRET_MIN:
        raise ValueError(f"set it to at least {SECRET_MIN} random characters, or leave it unset: one is made and kept")
    return value


def switch(value: str) -> bool:
    """Return True for `on`, False for `off`."""
    if value not in {"on", "off"}:
        raise ValueError("set it to on or off")
    return value == "on"


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(f"set it to a whole number from {low} to {high}")
        return int(value)

    return read


def amount(value: str) -> float:
    """Return an amount of money, 0 or more, in whatever currency."""
    try:
        said = float(value)
    except ValueError:
        said = -1.0
    if not 0 <= said <= 1e9:  # noqa: PLR2004 - what a core may cost
        raise ValueError("set it to a number such as 0.045")
    return said


def names(value: str) -> list[str]:
    """Return the comma-separated words of `value`."""
    return [word.strip() for word in value.split(",") if word.strip()]


def hosts(value: str) -> list[str]:
    """Return the comma-separated host names of `value`; none of them may stand for every name."""
    found = names(value)
    if "*" in found:
        raise ValueError("set it to the names people use; * would answer under any name that a forger sends")
    return found


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader that accepts only `words`."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError("set it to one of " + ", ".join(words))
        return value

    return read


def schemes(value: str) -> list[str]:
    """Return http, https or both."""
    found = [word.lower() for word in names(value)]
    if not found or not set(found) <= {"http", "https"}:
        raise ValueError("set it to https, or to https,http")
    return found


def web_address(value: str) -> str:
    """Return an http(s) origin without a trailing slash, or an empty string."""
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
        raise ValueError("set it to an address such as https://signoff.example.org")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("set it to an https:// address; passwords and tokens go over plain http on loopback only")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches `host`, an address or a name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def database_url(value: str) -> str:
    """Return an empty string or a postgresql:// address."""
    if value and urlsplit(value).scheme not in {"postgresql", "postgres"}:
        raise ValueError("set it to postgresql://user:password@host:port/name, or leave it unset for SQLite")
    return value


def redis_url(value: str) -> str:
    """Return an empty string or the address of a Valkey or Redis server."""
    if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("set it to redis://host:6379/0, rediss://… or unix:///path, or leave it unset for our own")
    return value


def artifacts_url(value: str) -> str:
    """Return an empty string or the address of a bucket, with or without a prefix."""
    parts = urlsplit(value)
    if value and (parts.scheme != "s3" or not parts.netloc or parts.query or parts.username):
        raise ValueError("set it to s3://bucket/prefix, or leave it unset for a folder of the home; keys go in AWS_*")
    return value.rstrip("/")


def mail_url(value: str) -> str:
    """Return an empty string or the address of a mail server."""
    parts = urlsplit(value)
    if value and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.query not in {"", "plain"}):
        raise ValueError("set it to smtp://user:password@host:587 or smtps://user:password@host:465")
    return value


def mail_from(value: str) -> str:
    """Return an empty string or the address that mail comes from."""
    if value and "@" not in value:
        raise ValueError("set it to an address such as signoff@example.org")
    return value


def gateway(value: str) -> str:
    """Return an empty string or NAMESPACE/NAME."""
    if value and not re.fullmatch(r"[a-z0-9-]+/[a-z0-9.-]+", value):
        raise ValueError("set it to the namespace and name of a Gateway, such as infra/public")
    return value


def pod_address(value: str) -> str:
    """Return an http(s) origin that pods reach, or an empty string; plain http inside a cluster is the operator's."""
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}):
        raise ValueError("set it to an address such as https://signoff.example.org")
    return value.rstrip("/")


def folder(value: str) -> Path:
    """Return an absolute path; nothing would mean wherever the command happens to run."""
    if not value.strip():
        raise ValueError("set it to a folder, or leave it unset for ./var")
    return Path(value).expanduser().absolute()


SETTINGS = (
    Setting(
        "SIGNOFF_HOME", folder, "./var", "Folder with the database, artifacts, keys and logs. `--home` wins over it."
    ),
    Setting(
        "SIGNOFF_DATABASE_URL", database_url, "", "PostgreSQL address the app connects with; unset: SQLite in the home."
    ),
    Setting(
        "SIGNOFF_MIGRATE_DATABASE_URL",
        database_url,
        "",
        "PostgreSQL address of the role that owns the tables: `migrate` and `grant_app_role` use it.",
    ),
    Setting(
        "SIGNOFF_REDIS_URL",
        redis_url,
        "",
        "Valkey or Redis that carries hints and evidence (append-only on, noeviction); unset: `up` runs its own.",
    ),
    Setting(
        "SIGNOFF_SECRET_KEY", secret, "", "Key that signs sessions; unset: made once and kept in the home (mode 0600)."
    ),
    Setting(
        "SIGNOFF_PUBLIC_URL",
        web_address,
        "",
        "Address people reach Signoff at; used in links. Unset: the request's own host.",
    ),
    Setting(
        "SIGNOFF_ALLOWED_HOSTS", hosts, "", "Comma-separated host names served besides loopback and the public address."
    ),
    Setting(
        "SIGNOFF_TLS_CERT",
        text,
        "",
        "Certificate file (PEM) or `self-signed`. Needed to bind anything but loopback.",
    ),
    Setting("SIGNOFF_TLS_KEY", text, "", "Private key file (PEM) of the certificate."),
    Setting(
        "SIGNOFF_TLS_CLIENT_CA",
        text,
        "",
        "Certificates file (PEM). Whoever connects to pages and REST must show a certificate that one of them signed.",
    ),
    Setting("SIGNOFF_TLS_PROXY", switch, "off", "`on`: a proxy in front ends TLS and sets X-Forwarded-Proto."),
    Setting(
        "SIGNOFF_APPROVALS", switch, "on", "`off`: those who hold the permission move directly; each event says so."
    ),
    Setting("SIGNOFF_REQUEST_TTL_DAYS", whole(1, 90), "7", "Days after which an approval request expires."),
    Setting("SIGNOFF_TOKEN_TTL_DAYS", whole(1, 366), "90", "Longest life of an API token, in days."),
    Setting(
        "SIGNOFF_CHECKPOINT_FILE",
        text,
        "",
        "File outside the database that each checkpoint is appended to; unset: checkpoints.txt in the home.",
    ),
    Setting(
        "SIGNOFF_ARTIFACTS_URL",
        artifacts_url,
        "",
        "`s3://bucket/prefix`: files go there, with the keys, region and endpoint of the usual `AWS_*` variables; "
        "unset: a folder of the home.",
    ),
    Setting("SIGNOFF_MAX_UPLOAD_MB", whole(1, 1_048_576), "16384", "Largest single artifact file, in MiB."),
    Setting(
        "SIGNOFF_CORE_HOUR_PRICE", amount, "0", "Price of one CPU core for an hour, for cost per prediction; 0: unsaid."
    ),
    Setting(
        "SIGNOFF_PREDICTIONS_DAYS", whole(1, 3650), "30", "Days that single predictions and their labels are kept."
    ),
    Setting(
        "SIGNOFF_WEBHOOK_ALLOWED_SCHEMES",
        schemes,
        "https",
        "Comma-separated schemes a webhook's address may have: https, or https,http inside a trusted network.",
    ),
    Setting(
        "SIGNOFF_WEBHOOK_ALLOW_PRIVATE",
        switch,
        "off",
        "`on`: webhooks may go to loopback and private addresses; then an admin can reach what this machine can.",
    ),
    Setting(
        "SIGNOFF_MAIL_URL",
        mail_url,
        "",
        "Mail server: smtp://user:password@host:587 (STARTTLS), smtps://…:465; smtp://host:25?plain where it is safe.",
    ),
    Setting("SIGNOFF_MAIL_FROM", mail_from, "", "Sender of mail; with it webhooks may go to mailto: addresses."),
    Setting("SIGNOFF_DELIVERIES_DAYS", whole(1, 3650), "30", "Days that deliveries of webhooks stay in the log."),
    Setting(
        "SIGNOFF_KUBERNETES_CONFIG",
        text,
        "",
        "Path of the kubeconfig with which model servers are put into a cluster; unset: the pod's service account.",
    ),
    Setting(
        "SIGNOFF_KUBERNETES_NAMESPACE",
        text,
        "",
        "Namespace that model servers are put into. With the next three set, endpoints can be served in the cluster.",
    ),
    Setting("SIGNOFF_KUBERNETES_IMAGE", text, "", "Image of the model server, best by digest; see serving/image."),
    Setting("SIGNOFF_KUBERNETES_GATEWAY", gateway, "", "`NAMESPACE/NAME` of the Gateway that requests come through."),
    Setting(
        "SIGNOFF_KUBERNETES_ADDRESS",
        pod_address,
        "",
        "Address at which pods reach Signoff: they fetch files there and tell what they answered.",
    ),
    Setting("SIGNOFF_ENVOY", text, "", "Path of another Envoy than the one that comes with Signoff."),
    Setting(
        "SIGNOFF_LOG_LEVEL",
        one_of("debug", "info", "warning", "error"),
        "info",
        "Least severe log line written to stderr.",
    ),
    Setting("SIGNOFF_LOG_FORMAT", one_of("console", "json"), "console", "Form of the log lines."),
    Setting("SIGNOFF_GALLERY", switch, "off", "`on`: the component gallery under /gallery, for those who build pages."),
    Setting(
        "SIGNOFF_DEMO_RUN",
        text,
        "",
        "Set by `demo` for the servers it starts; sign-in links of that run work only while it is set.",
    ),
)


def read_all(environ: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Return every setting by name without its prefix, lower case.

    Raises BadSetting for an unknown SIGNOFF_ name or a value its reader refuses.
    """
    known = {setting.name for setting in SETTINGS}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise BadSetting(
            f"{unknown[0]} is not a setting of Signoff. Unset it; docs/reference/settings.md lists them all."
        )
    values: dict[str, object] = {}
    for setting in SETTINGS:
        try:
            value = setting.read(environ.get(setting.name, setting.default))
        except ValueError as why:
            raise BadSetting(f"{setting.name}: {why}.") from why
        values[setting.name.removeprefix(PREFIX).lower()] = value
    return values

"""What the web side and the data plane say to each other: JSON files under HOME/serving, each renamed into place.

Standard library only: the web side, the runner and every model's own environment import this file.
"""

import hashlib
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Sandbox = Literal["required", "unsandboxed"]
State = Literal["installing", "starting", "ready", "draining", "failed", "stopped"]
Isolation = Literal["bubblewrap", "landlock", "none"]
Track = Literal["stable", "canary", "shadow"]
FileKind = Literal["csv", "parquet"]

EVIDENCE_STREAM = "signoff:evidence"  # entries of `kind` routed (by the router), inference or complete; and `body`
VALUE_DIGEST_BYTES = 8
FOR_GOOD = 3  # how a program ends that will not do better the next time; the last it says is why
PREDICT = "predict"  # the token scope that may ask for predictions
SHORT = Path("/tmp")  # noqa: S108 - neither TMPDIR nor the user: a sandbox has others, and must find the same
SOCKET_BYTES = 100  # the kernel's limit is 107; Envoy and others stop earlier
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
SALT = re.compile(r"[0-9a-f]{32,128}")
SHARES = 10_000  # what the shares of an endpoint sum to, always: a unit that is in the canary stays in it as it grows
HEX = re.compile(r"[0-9a-f]{64}")


class ContractError(Exception):
    """A document is not what it should be. The message is one sentence for a person."""


@dataclass(frozen=True)
class FileLine:
    """One file of an artifact."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Desired:
    """One replica that should run. Written by a target; when the file is gone, the replica should be stopped."""

    KIND: ClassVar = "signoff.desired/1"

    replica: str
    endpoint: str
    model: str
    version: str
    digest: str  # of the manifest
    manifest: tuple[FileLine, ...]
    lock_digest: str
    sandbox: Sandbox
    memory_mb: int
    fence: int
    rollout_id: str
    key: str  # the step's idempotency key; comes back in Observed
    cpu_s: int | None = None  # of the whole life; None for no limit
    warmup: tuple[dict[str, Any], ...] = ()  # rows by column; otherwise made from the signature
    max_body_mb: int = 16
    stale_tokens: Literal["refuse", "allow"] = "refuse"
    files_mb: int = 2048  # that the model may have written at a time
    batch_rows: int = 1  # rows of waiting requests that the model is asked together at most; 1: each by itself
    max_waiting: int = 256  # requests; more are answered 503

    def __post_init__(self) -> None:
        _name("replica", self.replica)
        _hex("digest", self.digest)
        _hex("lock_digest", self.lock_digest)
        for line in self.manifest:
            _inside(line.path)
            _hex(f"sha256 of {line.path}", line.sha256)


@dataclass(frozen=True)
class Observed:
    """What a replica is. Written by the runner only; `at` is the time of the look, seconds since 1970."""

    KIND: ClassVar = "signoff.observed/1"

    replica: str
    key: str
    fence: int
    state: State
    pid: int | None
    started: int | None  # field 22 of /proc/PID/stat; with the pid it names one process for ever
    socket: str
    digest: str
    isolation: Isolation
    why: str  # a sentence: why it failed, or what isolation it has and why
    at: float
    trouble: str = ""  # what last went wrong while it served: how it ended, or what its model was not given

    def __post_init__(self) -> None:
        _name("replica", self.replica)
        if len(os.fsencode(self.socket)) >= SOCKET_BYTES:
            raise ContractError(f"The socket path {self.socket} is not under {SOCKET_BYTES} bytes.")


@dataclass(frozen=True)
class Token:
    """What a token may do. `expires_at` is in seconds since 1970, None for never."""

    endpoint: str
    scope: str
    expires_at: float | None = None


@dataclass(frozen=True)
class TokenTable:
    """Every token that holds at `published_at`, by SHA-256 in hex. Published anew at least each second."""

    KIND: ClassVar = "signoff.tokens/1"

    published_at: float
    tokens: dict[str, Token] = field(default_factory=dict)


@dataclass(frozen=True)
class FeaturePolicy:
    """What a model server may tell of the values it is given. Written by the web side; without the file, nothing."""

    KIND: ClassVar = "signoff.feature-policy/1"

    share_pct: float  # of the rows, drawn by lot
    dropped: tuple[str, ...]
    hashed: tuple[str, ...]  # told as a digest under `salt`, so that alike values are told alike and no others
    salt: str

    def __post_init__(self) -> None:
        if not 0 <= self.share_pct <= 100:  # noqa: PLR2004 - percent
            raise ContractError(f"share_pct should be from 0 to 100 and is {self.share_pct}.")

    def digest_of(self, value: object) -> str:
        """Return what is told of a value of a hashed column."""
        key = self.salt.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
        text = str(value).encode("utf-8", "replace")
        return hashlib.blake2b(text, digest_size=VALUE_DIGEST_BYTES, key=key).hexdigest()


@dataclass(frozen=True)
class Sample:
    """Rows drawn by lot from the requests of a moment: values by column, each list as long as `predictions`."""

    of: int  # rows that were answered in that moment
    columns: dict[str, list[Any]]
    predictions: list[Any]
    chosen: int | None = None  # of those, how many fell to the policy's share: these were drawn from them. None: all


@dataclass(frozen=True)
class Inference:
    """One answered request, as the monitoring side stores it. Joined to the router's line by `request_id`.

    The last record of a moment carries the sample of all requests of that moment: whoever knows the record once has
    the sample once.
    """

    KIND: ClassVar = "signoff.inference/1"

    request_id: str
    endpoint: str
    model: str
    version: str
    digest: str
    track: Track | None  # None where the request did not come through the router
    at_ms: int
    latency_ms: float
    status: int
    rows: int
    prediction: Any
    sample: Sample | None = None
    score: float | list[float] | None = None


@dataclass(frozen=True)
class TrackRoute:
    """Where one track's requests go. `share` of 10,000 take it; of a shadow, that many are copied to it."""

    track: Track
    replicas: tuple[str, ...]
    share: int


@dataclass(frozen=True)
class Routes:
    """How the router should divide an endpoint's requests. Written by a target; without the file nothing is served."""

    KIND: ClassVar = "signoff.routes/1"

    endpoint: str
    version: int  # rises with every writing
    fence: int
    key: str  # the step's idempotency key; comes back in Routed
    rollout_id: str
    step: str
    salt: str  # secret and of this rollout alone: which units are in the canary cannot be guessed, nor carried over
    tracks: tuple[TrackRoute, ...]
    timeout_s: float = 30.0
    host: str = ""  # requests to this host name go here too, without a prefix

    def __post_init__(self) -> None:
        _name("endpoint", self.endpoint)
        _word("rollout_id", self.rollout_id)
        _word("step", self.step)
        if not SALT.fullmatch(self.salt):
            raise ContractError("salt should be 32 to 128 hexadecimal digits.")
        if self.host and not HOST.fullmatch(self.host):
            raise ContractError(f"host should be a host name in small letters and is {self.host!r}.")
        if not 0 < self.timeout_s <= 3600:  # noqa: PLR2004 - an hour
            raise ContractError(f"timeout_s should be more than 0 and 3600 at most, and is {self.timeout_s}.")
        _shares(self.tracks)


@dataclass(frozen=True)
class Routed:
    """What the router does with an endpoint's requests, as it says itself. `at` is the time of the look."""

    KIND: ClassVar = "signoff.routed/1"

    endpoint: str
    version: int  # of the routes it follows; 0 where it has none
    key: str
    fence: int
    shares: dict[str, int]  # by track
    requests: dict[str, int]  # by track, since the router started or the rollout began
    in_flight: dict[str, int]  # by track, at the moment of the look
    why: str  # why newer routes are not followed; empty where they are
    at: float


@dataclass(frozen=True)
class BatchOrder:
    """A file that a version should score. Written by a target; `desired` says what is loaded, and its limits."""

    KIND: ClassVar = "signoff.batch-order/1"

    job: str
    fence: int
    desired: Desired
    input: str  # its SHA-256
    result: FileKind  # how what was predicted is written
    id_column: str = ""  # of the file, given back beside each prediction

    def __post_init__(self) -> None:
        _name("job", self.job)
        _hex("input", self.input)


@dataclass(frozen=True)
class BatchSeen:
    """How far a file is. Written by the process that scores it; rows are those of parts that are kept."""

    KIND: ClassVar = "signoff.batch-seen/1"

    job: str
    fence: int
    state: Literal["preparing", "scoring", "joining", "done", "failed"]
    why: str  # a sentence, where it failed
    rows_read: int
    rows_scored: int
    rows_rejected: int
    share: float  # of the file, from 0 to 1
    rows_s: float  # a second, since this process began to score; 0 where that is not known
    isolation: Isolation
    at: float
    kind: FileKind | None = None  # of the input, once it was looked at
    columns: tuple[str, ...] = ()  # of the result


@dataclass(frozen=True)
class Layout:
    """Where everything lies under a home. No other file builds these paths."""

    home: Path

    @property
    def root(self) -> Path:
        """The data plane's folder."""
        return self.home / "serving"

    @property
    def desired_folder(self) -> Path:
        """One file for each replica that should run."""
        return self.root / "desired"

    @property
    def observed_folder(self) -> Path:
        """One file for each replica the runner knows."""
        return self.root / "observed"

    @property
    def launched_folder(self) -> Path:
        """One file for each replica that runs or is being started."""
        return self.root / "launched"

    @property
    def collected_folders(self) -> tuple[Path, ...]:
        """Folders of what is made anew when it is needed: one entry each for a digest or a replica."""
        return tuple(self.root / name for name in ("envs", "artifacts", "tmp", "logs"))

    @property
    def spare(self) -> Path:
        """Since when what lies in those folders is needed by nothing."""
        return self.root / "spare.json"

    @property
    def tokens(self) -> Path:
        """The token table; in a folder of its own, so that a sandbox that shows the folder sees each renaming."""
        return self.root / "feed" / "tokens.json"

    def feature_policy(self, endpoint: str) -> Path:
        """Return what the endpoint's model servers may tell; in a folder of its own, which only they are shown."""
        return self.root / "feature-policies" / _name("endpoint", endpoint) / "policy.json"

    @property
    def routes_folder(self) -> Path:
        """One file for each endpoint that should be served."""
        return self.root / "routes"

    @property
    def routed_folder(self) -> Path:
        """One file for each endpoint the router knows."""
        return self.root / "routed"

    @property
    def router(self) -> Path:
        """The router's own folder; nobody else writes there."""
        return self.root / "router"

    @property
    def access_log(self) -> Path:
        """One line of JSON for each request that came to the router."""
        return self.router / "access.log"

    @property
    def admin_socket(self) -> Path:
        """The router's administration, alone in a folder that only its owner can enter."""
        return self._socket("/router")  # no replica has such a name

    @property
    def broker_socket(self) -> Path:
        """Where the Valkey beside us listens, alone in a folder that only its owner can enter."""
        return self._socket("/broker")

    def routes(self, endpoint: str) -> Path:
        """Return the file of how requests should be divided."""
        return self.routes_folder / f"{_name('endpoint', endpoint)}.json"

    def routed(self, endpoint: str) -> Path:
        """Return the file of how they are."""
        return self.routed_folder / f"{_name('endpoint', endpoint)}.json"

    @property
    def batch_folder(self) -> Path:
        """One folder for each file that is being scored, named by its job; gone once the job has ended."""
        return self.root / "batch"

    def batch(self, job: str) -> Path:
        """Return the folder of one job: its order, how far it is, the parts that are done, and the result."""
        return self.batch_folder / _name("job", job)

    def batch_order(self, job: str) -> Path:
        """Return the file of what should be scored."""
        return self.batch(job) / "order.json"

    def batch_seen(self, job: str) -> Path:
        """Return the file of how far it is."""
        return self.batch(job) / "seen.json"

    def batch_input(self, job: str) -> Path:
        """Return where the input appears, whole, where the registry keeps its bytes elsewhere."""
        return self.batch(job) / "input"

    def batch_result(self, job: str) -> Path:
        """Return the joined result, of the kind that was ordered."""
        return self.batch(job) / "result"

    def batch_rejected(self, job: str) -> Path:
        """Return the rows that were rejected, each with the reason, as CSV."""
        return self.batch(job) / "rejected"

    def batch_samples(self, job: str) -> Path:
        """Return rows with their predictions, as far as they may be told: a list of part, place and Sample a line."""
        return self.batch(job) / "samples"

    def desired(self, replica: str) -> Path:
        """Return the file of what should run."""
        return self.desired_folder / f"{_name('replica', replica)}.json"

    def observed(self, replica: str) -> Path:
        """Return the file of what does run."""
        return self.observed_folder / f"{_name('replica', replica)}.json"

    def fence(self, endpoint: str) -> Path:
        """Return the file of the highest fence that ever wrote for the endpoint; who writes holds it."""
        return self.root / "fences" / _name("endpoint", endpoint)

    def launched(self, replica: str) -> Path:
        """Return the file of what the replica runs, written by the runner; gone once it has stopped."""
        return self.launched_folder / f"{_name('replica', replica)}.json"

    def lock(self, lock_digest: str) -> Path:
        """Return the requirements with hashes; the digest is the file's SHA-256."""
        return self.root / "locks" / f"{_hex('lock_digest', lock_digest)}.txt"

    def environment(self, lock_digest: str) -> Path:
        """Return the environment built from that lock."""
        return self.root / "envs" / _hex("lock_digest", lock_digest)

    def artifact(self, digest: str) -> Path:
        """Return the model's folder, made from its manifest."""
        return self.root / "artifacts" / _hex("digest", digest)

    def blob(self, sha256: str) -> Path:
        """Return where the registry keeps the bytes."""
        return self.home / "blobs" / _hex("sha256", sha256)[:2] / sha256[2:]

    @property
    def fetched_folder(self) -> Path:
        """Copies of what the registry keeps elsewhere, while an order waits for them; absent: it keeps none there."""
        return self.root / "fetched"

    def fetched(self, sha256: str) -> Path:
        """Return where such a copy appears, whole."""
        return self.fetched_folder / _hex("sha256", sha256)

    def temporary(self, replica: str) -> Path:
        """Return the one folder the replica may write to."""
        return self.root / "tmp" / _name("replica", replica)

    def evidence(self, replica: str) -> Path:
        """Return where the model server writes down what it answered; above 16 MiB it becomes `.log.1`."""
        return self.temporary(replica) / "evidence.log"

    @property
    def carried(self) -> Path:
        """How far router's and model servers' lines have been carried to the stream."""
        return self.root / "evidence" / "carried.json"

    def socket(self, replica: str) -> Path:
        """Return the model server's socket, alone in its folder; under a deep home it moves to the system's tmp."""
        return self._socket(_name("replica", replica))

    def _socket(self, whose: str) -> Path:
        short = hashlib.sha256(whose.encode()).hexdigest()[:12]
        path = self.root / "sockets" / short / "s"
        if len(os.fsencode(path)) < SOCKET_BYTES:
            return path
        home = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return SHORT / f"signoff-{home}" / short / "s"


def manifest_digest(files: tuple[FileLine, ...]) -> str:
    """Return the digest the registry gives a manifest of these files."""
    lines = [asdict(line) for line in sorted(files, key=lambda line: (line.path, line.sha256, line.size))]
    body = {"type": "signoff.manifest/1", "files": lines}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Document(Protocol):
    """A dataclass that is a file of its own."""

    KIND: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


D = TypeVar("D", bound=Document)


def dump(path: Path, document: Document) -> None:
    """Put the document at `path` whole: a reader sees the earlier one or this one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        draft.write_text(text_of(document), encoding="utf-8")
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


def text_of(document: Document) -> str:
    """Return the document as JSON, as `parse` reads it."""
    body = {"type": document.KIND, **asdict(cast("Any", document))}
    return json.dumps(body, allow_nan=False, ensure_ascii=False)


def load(path: Path, kind: type[D]) -> D:
    """Return the document at `path`. FileNotFoundError where there is none, ContractError where it is not one."""
    return parse(path.read_bytes(), kind, path.name)


def parse(text: bytes, kind: type[D], called: str = "the document") -> D:
    """Return what `text` says. Unknown keys are passed over, so that a newer writer does not stop a reader."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as why:
        raise ContractError(f"{called} is not JSON: {why}.") from None
    if not isinstance(said, dict) or said.get("type") != kind.KIND:
        found = said.get("type") if isinstance(said, dict) else type(said).__name__
        raise ContractError(f"{called} should be a {kind.KIND} and is {found!r}.")
    return cast("D", _record(said, kind, called))


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {part.name: hints[part.name] for part in fields(kind)}


def _record(said: dict[str, Any], kind: Any, where: str) -> object:
    parts = {name: _fit(said[name], hint, f"{where}: {name}") for name, hint in _hints(kind).items() if name in said}
    try:
        return kind(**parts)
    except TypeError as why:
        raise ContractError(f"{where} lacks a part: {why}.") from None


def _fit(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as `hint` wants it; refuse what does not fit."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in {Union, UnionType}:
        return None if value is None and NoneType in inner else _first(value, inner, where)
    if origin is Literal:
        return _known(value, inner, where)
    if isinstance(value, list):
        return _list(value, origin, inner, where)
    if isinstance(value, dict):
        return _mapping(value, hint, where)
    return _plain(value, hint, where)


def _list(value: list[Any], origin: Any, inner: tuple[Any, ...], where: str) -> Any:
    if origin not in {tuple, list}:
        raise ContractError(f"{where} should not be a list.")
    return origin(_fit(item, inner[0], f"{where}[{place}]") for place, item in enumerate(value))


def _mapping(value: dict[str, Any], hint: Any, where: str) -> Any:
    if get_origin(hint) is dict:
        return {name: _fit(item, get_args(hint)[1], f"{where}.{name}") for name, item in value.items()}
    if not hasattr(hint, "__dataclass_fields__"):
        raise ContractError(f"{where} should not be a mapping.")
    return _record(value, hint, where)


def _first(value: Any, hints: tuple[Any, ...], where: str) -> Any:
    why = ContractError(f"{where} cannot be {value!r}.")
    for hint in (hint for hint in hints if hint is not NoneType):
        try:
            return _fit(value, hint, where)
        except ContractError as error:
            why = error
    raise why


def _known(value: Any, words: tuple[Any, ...], where: str) -> Any:
    if value not in words:
        raise ContractError(f"{where} should be one of {', '.join(map(str, words))} and is {value!r}.")
    return value


def _plain(value: Any, hint: Any, where: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        wanted = getattr(hint, "__name__", str(hint))
        raise ContractError(f"{where} should be {wanted} and is {type(value).__name__}.")
    return value


def _name(what: str, value: str) -> str:
    if not NAME.fullmatch(value):
        raise ContractError(f"{what} should be small letters, digits and hyphens, 63 at most, and is {value!r}.")
    return value


def _word(what: str, value: str) -> str:
    if not WORD.fullmatch(value):
        raise ContractError(f"{what} should be letters, digits, _ and -, 64 at most, and is {value!r}.")
    return value


def _shares(tracks: tuple[TrackRoute, ...]) -> None:
    """Refuse a division that is not one."""
    names = [way.track for way in tracks]
    if len(set(names)) < len(names):
        raise ContractError(f"Each track may stand once, and these are {', '.join(names)}.")
    for way in tracks:
        for replica in way.replicas:
            _name("replica", replica)
        if not 0 <= way.share <= SHARES or (way.share and not way.replicas):
            raise ContractError(f"The share of {way.track} is {way.share} on {len(way.replicas)} replicas.")
    whole = sum(way.share for way in tracks if way.track != "shadow")
    if whole != SHARES and any(way.replicas for way in tracks):
        raise ContractError(f"The shares should sum to {SHARES} and sum to {whole}.")


def _hex(what: str, value: str) -> str:
    if not HEX.fullmatch(value):
        raise ContractError(f"{what} should be a SHA-256 in hex and is {value!r}.")
    return value


def _inside(path: str) -> None:
    """Refuse a path that is not plainly below its folder."""
    if not path or path.startswith("/") or "\\" in path or "\0" in path or {"", ".", ".."} & set(path.split("/")):
        raise ContractError(f"The manifest names {path!r}, which is not a plain path inside the model's folder.")

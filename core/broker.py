"""The broker: the Valkey beside us, or the server SIGNOFF_REDIS_URL names. Nothing in it is the truth of anything."""

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    import redis

ANSWER_S = 5.0


@cache
def connection() -> "redis.Redis":
    """Return this process's connections. Calls raise redis.ConnectionError or redis.TimeoutError while it is away."""
    import redis  # noqa: PLC0415 - a fifth of a second of each start, and most processes do without

    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)


def trouble() -> str:
    """Return why the broker does not answer, or an empty string."""
    import redis  # noqa: PLC0415 - as above

    try:
        connection().ping()
    except redis.RedisError as why:
        return str(why)
    return ""


def celery_url() -> str:
    """Return the address in Celery's spelling."""
    url = str(settings.REDIS_URL)
    return f"redis+socket://{url.removeprefix('unix://')}" if url.startswith("unix://") else url

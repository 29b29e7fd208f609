"""The broker: the Valkey beside us, or the server SIGNOFF_REDIS_URL names. Nothing in it is the truth of anything."""

from functools import cache

import redis
from django.conf import settings

ANSWER_S = 5.0


@cache
def connection() -> "redis.Redis":
    """Return this process's connections. Calls raise redis.ConnectionError or redis.TimeoutError while it is away."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)


def celery_url() -> str:
    """Return the address in Celery's spelling."""
    url = str(settings.REDIS_URL)
    return f"redis+socket://{url.removeprefix('unix://')}" if url.startswith("unix://") else url

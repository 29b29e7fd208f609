"""One try of one delivery: signed, posted, judged."""

import time

from core import outbound, secret_text
from core.refusals import Invalid
from registry.webhooks import deliveries, mail
from registry.webhooks.channels import KINDS
from registry.webhooks.deliveries import AGAIN, Result
from registry.webhooks.models import Delivery

GOOD = range(200, 300)
ELSEWHERE = range(300, 400)


def attempt(delivery: Delivery) -> Delivery:
    """Send a claimed delivery and write down what came of it."""
    began = time.monotonic()
    result = _tried(delivery, began)
    return deliveries.settle(delivery, result)


def _tried(delivery: Delivery, began: float) -> Result:
    if mail.is_mail(delivery.webhook.url):
        return _mailed(delivery, began)
    body = delivery.body.encode()
    try:
        headers = KINDS[delivery.webhook.channel].headers(delivery, str(int(time.time())), body)
        answer = outbound.post(delivery.webhook.url, body, headers)
    except outbound.Unreachable as why:
        return Result(None, str(why), again=True, reached=False, took_ms=_ms(began))
    except (outbound.Forbidden, secret_text.Unreadable, Invalid) as why:
        return Result(None, str(why), took_ms=_ms(began))
    wait = answer.retry_after
    return Result(
        answer.status,
        _error(answer.status),
        answer.body,
        again=answer.status in AGAIN,
        wait_s=int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 7 else 0,  # noqa: PLR2004 - a date is not read
        took_ms=_ms(began),
    )


def _mailed(delivery: Delivery, began: float) -> Result:
    try:
        mail.send(delivery)
    except OSError as why:  # SMTP's own are such; what it refuses for good it refuses again
        return Result(None, f"the mail server: {why}"[:300], again=True, took_ms=_ms(began))
    except Invalid as why:
        return Result(None, str(why), took_ms=_ms(began))
    return Result(None, "", took_ms=_ms(began))


def _error(status: int) -> str:
    if status in GOOD:
        return ""
    if status in ELSEWHERE:
        return f"it answered {status}, a redirect; redirects are not followed: give the final address"
    return f"it answered {status}"


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

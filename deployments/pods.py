"""Short-lived tokens of pods: what a model server elsewhere shows to get its files and to tell what it answered.

A token names an endpoint and the digests of what is to be served there. Nobody keeps it: it is signed with the home's
secret, good for a quarter of an hour, and only while the endpoint still wants these bytes.
"""

import time
from dataclasses import dataclass

from django.core import signing
from django.db.models import Q

from core.refusals import Unauthenticated
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.states import ENDED

MARK = "sp_"
SALT = "signoff.pod/1"
TTL_S = 900
ASK = "Send the token of a pod: 'Authorization: Bearer …'."


@dataclass(frozen=True)
class Pod:
    """What a pod may ask for."""

    endpoint: Endpoint
    digest: str
    lock_digest: str


def mint(endpoint: str, digest: str, lock_digest: str) -> tuple[str, int]:
    """Return a new token and when it runs out, seconds since 1970."""
    said = signing.dumps([endpoint, digest, lock_digest], salt=SALT)
    return f"{MARK}{said}", int(time.time()) + TTL_S


def read(token: str) -> Pod:
    """Return what the token stands for.

    Raises Unauthenticated where it is none, has run out, or the endpoint wants these bytes no more.
    """
    if not token.startswith(MARK):
        raise Unauthenticated(ASK)
    try:
        name, digest, lock_digest = signing.loads(token.removeprefix(MARK), salt=SALT, max_age=TTL_S)
    except signing.SignatureExpired as why:
        raise Unauthenticated(
            "The pod's token has expired.",
            next_step="Signoff renews it in the cluster while it reaches it; look there.",
        ) from why
    except (signing.BadSignature, ValueError, TypeError) as why:
        raise Unauthenticated("The pod's token is not one of ours.") from why
    endpoint = Endpoint.objects.select_related("model", "environment").filter(name=name).first()
    if endpoint is None or not _wants(endpoint, digest):
        raise Unauthenticated(f"{name} is not to serve these bytes any more.")
    return Pod(endpoint, digest, lock_digest)


def _wants(endpoint: Endpoint, digest: str) -> bool:
    """Whether a standing right or a rollout under way is for these bytes."""
    going = endpoint.rollouts.exclude(state__in=ENDED)
    rollouts = Rollout.objects.filter(Q(pk__in=going) | Q(pk__in=going.values("last_good")), digest=digest)
    rights = InstalledRight.objects.filter(endpoint=endpoint, withdrawn_at=None, digest=digest)
    return rollouts.exists() or rights.exists()

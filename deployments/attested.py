"""What is served, held against the ledger where something rests on it: rows alone bring nothing to an endpoint."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from audit.replay.attest import Differs, alerting, differing, told_by
from audit.replay.mismatches import Found
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.told import ENDPOINTS, KINDS, RIGHTS, ROLLOUTS, STEPS
from registry import access


def require_endpoint(endpoint: Endpoint, deed: str, *rollouts: Rollout | None) -> None:
    """Raise Differs where the endpoint's environment or model, or a rollout with its right, is not what events say.

    Runs under the model's lock, with one look-up in the ledger by key, however many they are.
    """
    if found := differs(endpoint, *rollouts):
        raise Differs(deed, found)


def against(endpoint: Endpoint, deed: str, *rollouts: Rollout | None) -> str:
    """Return why nothing may rest on them, told as the replay tells it; empty where they are what events say.

    What differs is looked at again under the model's lock: a row and its event may have come in between.
    """
    if not differs(endpoint, *rollouts):
        return ""
    try:
        with alerting(), transaction.atomic():
            access.locked(endpoint.model)
            require_endpoint(endpoint, deed, *rollouts)
    except Differs as why:
        return why.sentence
    return ""


def differs(endpoint: Endpoint, *rollouts: Rollout | None) -> list[Found]:
    """Return what differs of the endpoint, of these rollouts with their steps, and of the rights they left."""
    keys = [row.pk for row in rollouts if row]
    rights = InstalledRight.objects.filter(rollout__in=keys)
    rows = [
        *ENDPOINTS.rows(Endpoint.objects.filter(pk=endpoint.pk)),
        *ROLLOUTS.rows(Rollout.objects.filter(pk__in=keys)),
        *STEPS.rows(STEPS.every().filter(rollout__in=keys)),
        *RIGHTS.rows(rights),
    ]
    versions = {f"{row.version.model.uuid}/{row.version.version}" for row in rollouts if row}
    story = told_by(KINDS, _told(endpoint, keys, sorted(versions)))
    mine = {*map(str, keys)}
    others = [
        (kind, key) for kind, key in story.facts if kind != "endpoint" and key.partition("/")[0] not in mine
    ]  # a withdrawal tells of each rollout that brought the version
    for name in others:
        del story.facts[name]
    return differing(story, rows)


def _told(endpoint: Endpoint, keys: Sequence[int], versions: Sequence[str]) -> Q:
    """Events about them; a right is withdrawn by an event about its version."""
    about = Q(object_kind="endpoint", object_id=endpoint.name)
    if keys:
        about |= Q(object_kind="rollout", object_id__in=[str(key) for key in keys])
        about |= Q(object_kind="model_version", object_id__in=versions)
    return about

"""What a version is measured against: the live champion, else whatever was the last one, which nobody takes away."""

import json
from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q

from audit.models import Event
from registry.models import Alias, ModelVersion
from registry.policy import FOLLOWS_PRODUCTION
from registry.stages import Stage


def champion_of(version: ModelVersion) -> ModelVersion | None:
    """Return the champion `version` is measured against, never itself.

    That is @champion, else the newest in Production, else the last that was either, by the ledger, and is still there.
    """
    others = ModelVersion.objects.live().filter(model=version.model).exclude(pk=version.pk)
    named = others.annotate(named=Exists(Alias.objects.filter(version=OuterRef("pk"), name=FOLLOWS_PRODUCTION)))
    rows = named.select_related("model", "manifest", "registered_by")
    found = rows.filter(Q(named=True) | Q(stage=Stage.PRODUCTION)).order_by("-named", "-version").first()
    if found:
        return found
    past = _past(version)
    there = {one.version: one for one in rows.filter(version__in=past)}
    return next((there[number] for number in past if number in there), None)


def never_was_one(version: ModelVersion) -> bool:
    """Whether no other version ever was champion or in Production: only then it is measured against nothing."""
    return not _past(version)


def _past(version: ModelVersion) -> list[int]:
    """Return the numbers of the other versions that were champion or in Production, the last one first."""
    rows = Event.objects.filter(
        model_uuid=version.model.uuid, action__in=["version.stage.changed", "alias.set"], outcome="done"
    )
    numbers = (number for raw in rows.order_by("-id").values_list("body", flat=True) for number in _crowned(bytes(raw)))
    return [number for number in dict.fromkeys(numbers) if number != version.version]


def _crowned(raw: bytes) -> Iterator[int]:
    body = json.loads(raw)
    after = body["after"]
    if after.get("stage") == Stage.PRODUCTION or after.get("alias") == FOLLOWS_PRODUCTION:
        yield int(body["object"]["id"].rpartition("/")[2])

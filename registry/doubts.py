"""Which rows of a request, a version or a model differ, or differed, from the ledger: what its page has to say."""

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from audit.models import Event, Mismatch
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.replayed.models import VERSIONS
from registry.replayed.requests import REQUESTS

Doubts = list[Mismatch]


def _among(kinds: list[str], key: str) -> Doubts:
    named = Q(key=key) | Q(key__startswith=f"{key}/")
    return list(Mismatch.objects.filter(named, kind__in=kinds).order_by("-pk"))


def whether_request() -> Exists:
    """Return what `find_request` asks along, so that a page of a request without doubts asks nothing more."""
    number = Cast(OuterRef("pk"), CharField())
    named = Q(key=number) | Q(key__startswith=Concat(number, Value("/"), output_field=CharField()))
    return Exists(Mismatch.objects.filter(named, kind__in=[kind.name for kind in REQUESTS]))


def whether_model() -> Exists:
    """Return the same for versions: whether anything of their model differs, or differed."""
    return Exists(Mismatch.objects.filter(model_uuid=OuterRef("model__uuid")))


def of_request(request: ApprovalRequest) -> Doubts:
    """Return those of the request: its state, subject, reach, decisions and glass; newest first."""
    return _among([kind.name for kind in REQUESTS], str(request.pk)) if getattr(request, "doubted", True) else []


def of_version(version: ModelVersion) -> Doubts:
    """Return those of the version; newest first."""
    key = f"{version.model.uuid}/{version.version}"
    return _among([kind.name for kind in VERSIONS], key) if getattr(version, "doubted", True) else []


def of_model(model: RegisteredModel) -> Doubts:
    """Return those of the model and all that belongs to it; newest first."""
    return list(Mismatch.objects.filter(model_uuid=model.uuid).order_by("-pk"))


def told_with(events: QuerySet[Event], about: Q, doubts: Doubts) -> QuerySet[Event]:
    """Return the events of `about`, and those that tell of the doubts and how they were settled."""
    keys = [str(row.pk) for row in doubts]
    return events.filter(about | Q(object_kind="state", object_id__in=keys) if keys else about)

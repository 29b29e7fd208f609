"""What a signature rests on, held against the ledger where it is given or used: rows alone let nothing through."""

from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db.models import Q

from accounts.models import Team, User
from accounts.replayed import KINDS as PEOPLE
from accounts.replayed import member_rows, role_rows
from audit.models import Mismatch
from audit.replay.attest import Differs, Row, differing, told_by, told_of
from audit.replay.mismatches import Found
from audit.replay.story import Kind
from core.prepared import Prepared
from registry.champions import champion_of
from registry.models import (
    Alias,
    ApprovalRequest,
    Delegation,
    MetricThreshold,
    ModelVersion,
    PolicyVersion,
    RegisteredModel,
)
from registry.policy import FOLLOWS_PRODUCTION
from registry.replayed.belongings import BELONGINGS, limits_of, limits_said
from registry.replayed.models import TABLE, VERSIONS, rows_of_versions
from registry.replayed.requests import REQUESTS, rows_of
from registry.replayed.rules import DELEGATION, POLICY_TABLE, delegation_rows

ALIAS, THRESHOLD, ROLES, TEAM, TEAM_NAME = (
    next(kind for kind in (*BELONGINGS, *PEOPLE) if kind.name == name)
    for name in ("alias", "threshold", "roles", "team", "team name")
)
MODEL = Prepared(lambda key: TABLE.values(RegisteredModel.objects.filter(pk=key)), int)
LIMITS = Prepared(lambda key: limits_of(MetricThreshold.objects.filter(model=key)), int)
POLICIES = Prepared(lambda: POLICY_TABLE.values(PolicyVersion.objects.all()))
COPIED = 50  # versions with the same files whose makers are looked at: the first of them


def require_request(request: ApprovalRequest, deed: str) -> None:
    """Raise Differs where the request, with its checks, rules, decisions and glass, is not what its events say.

    Nor may its version be, what that is a copy of, the champion it is measured against, its model and the policies in
    force. Runs under the model's lock, with a few look-ups by key.
    """
    version = request.version
    same = ModelVersion.objects.live().select_related("model", "manifest").filter(manifest=version.manifest_id)
    copied = same.filter(pk__lt=version.pk, model__deleted_at=None) if version.manifest_id else same.none()
    _refuse([*of_request(request), *of_versions(copied.order_by("pk")[:COPIED]), *_of_ground(version)], deed)


def require_ground(version: ModelVersion, deed: str) -> None:
    """Raise Differs where what is measured for a request, and by what policy, is not what its events say."""
    _refuse(_of_ground(version), deed)


def _of_ground(version: ModelVersion) -> list[Found]:
    champion = champion_of(version)
    measured = [version, champion] if champion else [version]
    return [*of_versions(measured), *of_alias(version.model, FOLLOWS_PRODUCTION), *of_terms(version.model)]


def of_request(request: ApprovalRequest) -> list[Found]:
    """Return what differs of the request itself and all that belongs to it."""
    return differing(told_of(REQUESTS, "approval_request", str(request.pk)), rows_of(request))


def require_versions(versions: Sequence[ModelVersion], deed: str) -> None:
    """Raise Differs where a version is not what its events say."""
    _refuse(of_versions(versions), deed)


def require_alias(model: RegisteredModel, name: str, deed: str) -> None:
    """Raise Differs where the alias does not point where its events say."""
    _refuse(of_alias(model, name), deed)


def require_terms(model: RegisteredModel, deed: str) -> None:
    """Raise Differs where the policies, or what they look at in a model, are not what their events say.

    That is its name, risk tier, protected aliases and thresholds.
    """
    _refuse(of_terms(model), deed)


def of_terms(model: RegisteredModel) -> list[Found]:
    """Return what differs of the policies, where any is asked, and of what they look at in a model."""
    limits = ((THRESHOLD, f"{model.uuid}/{said}", need) for said, need in limits_said(LIMITS(model.pk)))
    told = told_of([*TABLE.kinds, THRESHOLD], "registered_model", str(model.uuid))
    found = differing(told, [*TABLE.told(MODEL(model.pk)), *limits])
    return [*found, *of_policies()] if settings.APPROVALS else found


def require_policies(deed: str) -> None:
    """Raise Differs where a version of a policy is not what its events say."""
    _refuse(of_policies(), deed)


def of_policies() -> list[Found]:
    """Return what differs of the policies: which are in force, their texts, authors, and who decided."""
    return differing(told_of(POLICY_TABLE.kinds, "policy"), POLICY_TABLE.told(POLICIES()))


def require_decider(person: User, absent: User | None, deed: str) -> None:
    """Raise Differs where roles or teams of whoever decides, or the word of whom she decides for, are not told of."""
    people = [one for one in (person, absent) if one]
    found = of_people(people)
    if absent:
        found += _of_users([absent], [DELEGATION], [(DELEGATION, *row) for row in _delegated(absent)])
    _refuse(found, deed)


def _refuse(found: list[Found], deed: str) -> None:
    if found:
        raise Differs(deed, found)


def of_versions(versions: Iterable[ModelVersion]) -> list[Found]:
    """Return what differs of versions that are there: stage, files, evidence, makers, card, what was found out."""
    keys = {one.pk: f"{one.model.uuid}/{one.version}" for one in versions}
    story = told_by(VERSIONS, Q(object_kind="model_version", object_id__in=list(keys.values())))
    return differing(story, rows_of_versions(ModelVersion.objects.filter(pk__in=list(keys))))


def of_alias(model: RegisteredModel, name: str) -> list[Found]:
    """Return what differs of one alias of a model."""
    told = told_by([ALIAS], Q(model_uuid=model.uuid))
    key = f"{model.uuid}/{name}"
    told.facts = {name: word for name, word in told.facts.items() if name[1] == key}
    rows = Alias.objects.filter(model=model, name=name).values_list("version__version", flat=True)
    return differing(told, [(ALIAS, key, str(number)) for number in rows])


def in_doubt(request: ApprovalRequest, numbers: Iterable[int]) -> bool:
    """Whether a row of the model waits to be settled, or the request or one of these versions is not as told of."""
    model = request.model
    if Mismatch.objects.filter(model_uuid=model.uuid, settled_at=None).exists() or of_request(request):
        return True
    rows = ModelVersion.objects.live().select_related("model").filter(model=model, version__in=list(numbers))
    return bool(of_versions(rows) or of_terms(model))


def of_people(people: Iterable[User]) -> list[Found]:
    """Return what differs of the roles of people and of who is in their teams."""
    keys = [one.pk for one in people]
    found = _of_users(people, [ROLES], [(ROLES, *row) for row in role_rows(User.objects.filter(pk__in=keys))])
    teams = set(Team.objects.filter(user__in=keys).values_list("pk", flat=True))
    which = Q(object_kind="team", object_id__in=[str(key) for key in teams])
    names = [(TEAM_NAME, str(key), name) for key, name in Team.objects.filter(pk__in=teams).values_list("pk", "name")]
    rows = [*names, *((TEAM, *row) for row in member_rows(Q(pk__in=teams)))]
    return found + differing(told_by([TEAM, TEAM_NAME], which), rows)


def _of_users(people: Iterable[User], kinds: Sequence[Kind], rows: Iterable[Row]) -> list[Found]:
    which = Q(object_kind="user", object_id__in=[str(one.pk) for one in people])
    return differing(told_by(kinds, which), rows)


def _delegated(giver: User) -> Iterable[tuple[str, str]]:
    return delegation_rows(Delegation.objects.filter(person=giver))

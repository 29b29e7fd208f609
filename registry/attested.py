"""What a signature rests on, held against the ledger where it is given or used: rows alone let nothing through."""

from collections.abc import Iterable, Sequence

from django.db.models import Q

from accounts.models import Team, User
from accounts.replayed import KINDS as PEOPLE
from accounts.replayed import member_rows, role_rows
from audit.models import Mismatch
from audit.replay.attest import Differs, Row, differing, told_by
from audit.replay.mismatches import Found
from audit.replay.story import Kind
from registry.models import Alias, ApprovalRequest, Delegation, ModelVersion, RegisteredModel
from registry.replayed.belongings import BELONGINGS
from registry.replayed.models import VERSIONS, person_word
from registry.replayed.requests import REQUESTS, rows_of
from registry.replayed.rules import RULES, delegation_rows

STAGE, FILES, REGISTRANT, AUTHOR = (
    next(kind for kind in VERSIONS if kind.name == name) for name in ("stage", "files", "registrant", "author")
)
ALIAS, ROLES, TEAM, DELEGATION = (
    next(kind for kind in (*BELONGINGS, *PEOPLE, *RULES) if kind.name == name)
    for name in ("alias", "roles", "team", "delegation")
)


COPIED = 50  # versions with the same files whose makers are looked at: the first of them


def require_request(request: ApprovalRequest, deed: str) -> None:
    """Raise Differs where state, subject, reach, decisions or glass of the request are not what its events say.

    Nor may stage, files and makers of its version, or of what that is a copy of, be. Runs under the model's lock,
    with a few look-ups by key.
    """
    version = request.version
    same = ModelVersion.objects.live().select_related("model", "manifest").filter(manifest=version.manifest_id)
    copied = same.filter(pk__lt=version.pk, model__deleted_at=None) if version.manifest_id else same.none()
    _refuse([*of_request(request), *of_versions([version, *copied.order_by("pk")[:COPIED]])], deed)


def of_request(request: ApprovalRequest) -> list[Found]:
    """Return what differs of the request itself: state, subject, reach, decisions, glass."""
    which = Q(object_kind="approval_request", object_id=str(request.pk))
    return differing(told_by(REQUESTS, which), rows_of(request))


def require_versions(versions: Sequence[ModelVersion], deed: str) -> None:
    """Raise Differs where stage, files or makers of a version are not what its events say."""
    _refuse(of_versions(versions), deed)


def require_alias(model: RegisteredModel, name: str, deed: str) -> None:
    """Raise Differs where the alias does not point where its events say."""
    _refuse(of_alias(model, name), deed)


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


def of_versions(versions: Sequence[ModelVersion]) -> list[Found]:
    """Return what differs of versions that are there: stage, files, who registered and who trained."""
    keys = {f"{one.model.uuid}/{one.version}": one for one in versions}
    kinds = (STAGE, FILES, REGISTRANT, AUTHOR)
    story = told_by(kinds, Q(object_kind="model_version", object_id__in=list(keys)))
    return differing(story, (row for key, one in keys.items() for row in _version_rows(key, one)))


def _version_rows(key: str, version: ModelVersion) -> list[Row]:
    return [
        (STAGE, key, version.stage),
        (FILES, key, version.manifest.digest if version.manifest else ""),
        (REGISTRANT, key, person_word(version.registered_by_id)),
        (AUTHOR, key, person_word(version.run_author_id)),
    ]


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
    rows = ModelVersion.objects.live().select_related("manifest").filter(model=model, version__in=list(numbers))
    return bool(of_versions([_of_model(one, model) for one in rows]))


def _of_model(version: ModelVersion, model: RegisteredModel) -> ModelVersion:
    version.model = model
    return version


def of_people(people: Iterable[User]) -> list[Found]:
    """Return what differs of the roles of people and of who is in their teams."""
    keys = [one.pk for one in people]
    found = _of_users(people, [ROLES], [(ROLES, *row) for row in role_rows(User.objects.filter(pk__in=keys))])
    teams = set(Team.objects.filter(user__in=keys).values_list("pk", flat=True))
    which = Q(object_kind="team", object_id__in=[str(key) for key in teams])
    return found + differing(told_by([TEAM], which), [(TEAM, *row) for row in member_rows(Q(pk__in=teams))])


def _of_users(people: Iterable[User], kinds: Sequence[Kind], rows: Iterable[Row]) -> list[Found]:
    which = Q(object_kind="user", object_id__in=[str(one.pk) for one in people])
    return differing(told_by(kinds, which), rows)


def _delegated(giver: User) -> Iterable[tuple[str, str]]:
    return delegation_rows(Delegation.objects.filter(person=giver))

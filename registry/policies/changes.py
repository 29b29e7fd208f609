"""Changes of policies: proposed by one person, accepted by another, never edited. Both are events."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Max, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission, roles_with
from accounts.policy import require
from accounts.roles import Role
from audit.record import Change, Subject, record
from audit.replay.attest import alerting
from core import clock
from core.checked_yaml import normal
from core.refusals import Conflict, Denied, Invalid, NotFound
from core.strict_yaml import Path, read
from core.words import written
from registry import attested, requests
from registry.models import Policy, PolicyState, PolicyVersion
from registry.models.policies import POLICY_MOVES
from registry.policies.book import BUILT_IN, in_force
from registry.policies.documents import BadPolicy, PolicyDocument, digest_of, parse

WORDS_MAX = 10_000


@dataclass(frozen=True)
class Proposed:
    """The version that says what was put, and whether it was made now; the same text again makes none."""

    version: PolicyVersion
    made: bool


def policy_subject(version: PolicyVersion) -> Subject:
    """Return `version` as the ledger names it."""
    return Subject("policy", f"{version.policy.name}/{version.number}", str(version))


def all_policies(*, actor: Actor) -> QuerySet[Policy]:
    """Return every policy by name, for whoever may read models."""
    require(actor, Permission.MODEL_READ, "read policies")
    return Policy.objects.prefetch_related("versions__author", "versions__decided_by").order_by("name")


def find_policy(name: str, *, actor: Actor) -> Policy:
    """Return the policy; raise NotFound where there is none."""
    found = all_policies(actor=actor).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no policy {name}.")
    return found


def find_policy_version(name: str, number: int, *, actor: Actor) -> PolicyVersion:
    """Return that version of the policy; raise NotFound where there is none."""
    rows = PolicyVersion.objects.select_related("policy", "author", "decided_by")
    found = rows.filter(policy=find_policy(name, actor=actor), number=number).first()
    if found is None:
        raise NotFound(f"The policy {name} has no version {number}.")
    return found


def checked(text: str, *, name: str = "") -> PolicyDocument:
    """Return the policy that `text` states; raise BadPolicy where it is none, or could never be satisfied here.

    With `name`, that is what it has to be called.
    """
    said, found = parse(normal(text)), read(normal(text))
    if problems := [found.problem(path, why) for path, why in _unfit(said, name)]:
        raise BadPolicy(problems)
    return said


def _unfit(said: PolicyDocument, name: str) -> Iterator[tuple[Path, str]]:
    """Yield what cannot hold on this server, and where in the text it stands."""
    if name and said.name != name:
        yield ("policy",), f"the text is called {said.name}, not {name}"
    if said.name in BUILT_IN:
        yield ("policy",), f"{said.name} is built in; call the policy something else"
    taken = next((one for one in in_force() if one.document.order == said.order and one.name != said.name), None)
    if taken and said.enabled:
        yield ("order",), f"the order {said.order} is taken by {taken.name}; give another number"
    deciders = roles_with(Permission.REQUEST_DECIDE)
    known = set(Group.objects.filter(name__in=[rule.group for rule in said.rules]).values_list("name", flat=True))
    for index, rule in enumerate(said.rules):
        place = ("approvals", index, "group")
        if rule.group in set(Role) and rule.group not in deciders:
            yield place, f"the role {rule.group} decides nothing: name {deciders[0]} or a team"
        elif rule.group not in known:
            yield place, f"there is no role and no team named {rule.group}"


def propose(text: str, *, actor: Actor, reason: str = "", name: str = "") -> Proposed:
    """Keep `text` as the next version of its policy, to be accepted by somebody else.

    What is in force or proposed already is returned as it is. A proposal that waited is withdrawn for the new one.
    """
    require(actor, Permission.POLICY_PROPOSE, "propose policies")
    said, text = checked(text, name=name), normal(text)
    if len(reason) > WORDS_MAX:
        raise Invalid(f"The reason is over {WORDS_MAX:,} characters.", field="reason")
    with transaction.atomic():
        Policy.objects.get_or_create(name=said.name)
        policy = Policy.objects.select_for_update().get(name=said.name)
        digest = digest_of(text)
        waiting = policy.versions.filter(state=PolicyState.PROPOSED).first()
        in_use = policy.versions.filter(state=PolicyState.ACTIVE).first()
        for known in (waiting, None if waiting else in_use):
            if known and known.digest == digest:
                return Proposed(known, made=False)
        if waiting:
            _advance(waiting, PolicyState.WITHDRAWN, actor, "Another version was proposed.")
        number = (policy.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        row = PolicyVersion.objects.create(
            policy=policy, number=number, text=text, digest=digest, reason=written(reason), author=actor.person
        )
        facts: dict[str, object] = {"digest": digest, "in_force": in_use.number if in_use else None}
        change = Change(after={"text": text}, comment=row.reason, facts=facts)
        record("policy.proposed", policy_subject(row), actor=actor, change=change)
    return Proposed(row, made=True)


def conflict_of_interest(version: PolicyVersion, actor: Actor) -> str:
    """Return why four eyes forbid `actor` to accept, or an empty string."""
    own = actor.user is not None and version.author_id == actor.user.pk
    return "You proposed this, so somebody else accepts it." if own else ""


def accept(version: PolicyVersion, *, digest: str, comment: str, actor: Actor) -> PolicyVersion:
    """Put `version` in force instead of the one before; requests held to that one end. Doing it again changes nothing.

    Raises Denied for its author, Conflict where it waits no longer or its text is not the one that was read, Differs
    where a policy's row is not what the ledger says.
    """
    require(actor, Permission.POLICY_ACCEPT, f"accept {version}", about=policy_subject(version))
    if why := conflict_of_interest(version, actor):
        raise Denied(why, about=policy_subject(version))
    said = _said(comment)
    with alerting(), transaction.atomic():
        row = _locked(version)
        attested.require_policies(f"accept {row}")
        if why := conflict_of_interest(row, actor):
            raise Denied(why, about=policy_subject(row))
        if row.state == PolicyState.ACTIVE and row.decided_by == actor.user:
            return row
        if digest != row.digest:
            raise Conflict("The digest you accept is not the one of this text.", next_step="Reload the page.")
        checked(row.text)
        before = row.policy.versions.filter(state=PolicyState.ACTIVE).first()
        if before:
            before.state = PolicyState.REPLACED
            before.save(update_fields=["state"])
        facts: dict[str, object] = {"digest": row.digest, "replaces": before.number if before else None}
        _advance(row, PolicyState.ACTIVE, actor, said, facts)
        requests.end_overlooked()
    return row


def turn_down(version: PolicyVersion, *, comment: str, actor: Actor) -> PolicyVersion:
    """End a proposal: its author withdraws it, anybody else who could accept it refuses it. Again changes nothing."""
    author = bool(conflict_of_interest(version, actor))
    needed = Permission.POLICY_PROPOSE if author else Permission.POLICY_ACCEPT
    require(actor, needed, f"turn down {version}", about=policy_subject(version))
    said, to = _said(comment), PolicyState.WITHDRAWN if author else PolicyState.REFUSED
    with transaction.atomic():
        row = _locked(version)
        if row.state != to:
            _advance(row, to, actor, said, {"digest": row.digest})
    return row


def _said(comment: str) -> str:
    text = written(comment)
    if not text or len(text) > WORDS_MAX:
        raise Invalid("Say why: it is kept in the ledger.", field="comment")
    return text


def _locked(version: PolicyVersion) -> PolicyVersion:
    Policy.objects.select_for_update().get(pk=version.policy_id)
    return PolicyVersion.objects.select_related("policy", "author", "decided_by").get(pk=version.pk)


def _advance(
    row: PolicyVersion, to: PolicyState, actor: Actor, comment: str, facts: dict[str, object] | None = None
) -> None:
    """Move the version along `POLICY_MOVES`, under its policy's lock, with its event."""
    if to not in POLICY_MOVES.get(row.state, frozenset()):
        raise Conflict(f"{row} is {row.get_state_display().lower()}; it cannot become {to.label.lower()}.")
    before, row.state = row.state, to
    row.decided_by, row.decided_at, row.comment = actor.user, clock.now(), comment
    row.save(update_fields=["state", "decided_by", "decided_at", "comment"])
    name = "accepted" if to is PolicyState.ACTIVE else str(to)
    change = Change({"state": before}, {"state": to}, comment, facts or {})
    record(f"policy.{name}", policy_subject(row), actor=actor, change=change)

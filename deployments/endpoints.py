"""Endpoints and the tokens that may call them."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from accounts.tokens import digest, fingerprint_of
from audit.record import Change, Subject, record
from core import clock
from core.refusals import AlreadyExists, Invalid, NotFound
from deployments import feed
from deployments.models import Endpoint, EndpointToken, Environment, Rollout
from deployments.states import RolloutState
from deployments.targets.kinds import KINDS, lacks
from deployments.targets.kinds import target as target_of
from registry.models import ModelVersion, RegisteredModel

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
MARK = "se_"


def endpoint_subject(endpoint: Endpoint) -> Subject:
    """Return `endpoint` as the ledger names it."""
    return Subject("endpoint", endpoint.name, f"{endpoint.name} ({endpoint.environment.name})", endpoint.model.uuid)


def creates_in(environment: Environment) -> Permission:
    """Return what it takes to create endpoints there."""
    return Permission.ENDPOINT_MANAGE if environment.needs_approval else Permission.DEPLOY_STAGING


def environments_open_to(actor: Actor) -> list[Environment]:
    """Return the environments in which the actor may create endpoints, staging first."""
    return [place for place in Environment.objects.order_by("-pk") if actor.holds(creates_in(place))]


def create_endpoint(
    name: str,
    *,
    model: RegisteredModel,
    environment: str,
    actor: Actor,
    target: str = "local",
    pattern: str = Endpoint.Pattern.REST,
) -> Endpoint:
    """Create a stable address for `model` in `environment`; it serves nothing yet.

    Raises Invalid for a name, environment, target or pattern that is none, or that the target does not have, and
    AlreadyExists for a taken name.
    """
    if not NAME.match(name):
        raise Invalid("An endpoint's name has small letters, digits and hyphens, at most 63.", field="name")
    place = Environment.objects.filter(name=environment).first()
    if place is None:
        raise Invalid(f"There is no environment {environment}.", field="environment")
    if target not in KINDS:
        raise Invalid(f"There is no target {target}; there are {', '.join(sorted(KINDS))}.", field="target")
    if lacking := lacks(target):
        raise Invalid(lacking, field="target")
    _check_pattern(target, pattern)
    about = Subject("endpoint", name, name, model.uuid)
    require(actor, creates_in(place), f"create endpoints in {environment}", about=about)
    try:
        with transaction.atomic():
            made = Endpoint.objects.create(
                name=name,
                environment=place,
                model=model,
                target=target,
                pattern=pattern,
                salt=secrets.token_hex(16),
                created_by=actor.person,
            )
            after: dict[str, object] = {"target": target, "pattern": pattern}
            record("endpoint.created", endpoint_subject(made), actor=actor, change=Change(after=after))
    except IntegrityError as why:
        raise AlreadyExists(f"There is an endpoint named {name}.") from why
    return made


def _check_pattern(kind: str, pattern: str) -> None:
    """Raise Invalid for what is no pattern, or none of the target's."""
    if pattern not in Endpoint.Pattern.values:
        raise Invalid(f"An endpoint is {' or '.join(Endpoint.Pattern.values)}.", field="pattern")
    able = target_of(kind).capabilities()
    if not (able.rest if pattern == Endpoint.Pattern.REST else able.batch):
        raise Invalid(f"The target {kind} has no endpoints for {pattern}.", field="pattern")


def endpoints_visible_to(actor: Actor) -> QuerySet[Endpoint]:
    """Return the endpoints of models the actor may see, by name."""
    visible = RegisteredModel.objects.visible_to(actor)
    return Endpoint.objects.filter(model__in=visible).select_related("environment", "model").order_by("name")


def find_endpoint(name: str, *, actor: Actor) -> Endpoint:
    """Return the endpoint; raise NotFound where there is none or its model may not be seen."""
    endpoint = endpoints_visible_to(actor).filter(name=name).first()
    if endpoint is None:
        raise NotFound(f"There is no endpoint {name[:80]}.")
    return endpoint


def serving(endpoint: Endpoint) -> Rollout | None:
    """Return the rollout whose version the endpoint serves, or None. Derived, so that it cannot disagree."""
    return serving_of([endpoint]).get(endpoint.pk)


def serving_of(found: Iterable[Endpoint]) -> dict[int, Rollout]:
    """Return what each endpoint serves by its key, by two statements for all of them; none of one that serves nothing.

    Where the newest end is of a withdrawal that failed, requests are refused: what should serve instead did not start.
    """
    of_it = Rollout.objects.filter(endpoint=OuterRef("pk"))
    ended = of_it.filter(ended_at__isnull=False).exclude(state=RolloutState.CANCELLED).order_by("-ended_at")
    marked = Endpoint.objects.filter(pk__in=[endpoint.pk for endpoint in found]).annotate(
        kind=Subquery(ended.values("kind")[:1]),
        state=Subquery(ended.values("state")[:1]),
        serves=Subquery(_with_right(of_it).values("pk")[:1]),
    )
    refused = (Rollout.Kind.WITHDRAW, RolloutState.FAILED)
    keys = [key for kind, state, key in marked.values_list("kind", "state", "serves") if (kind, state) != refused]
    back = Rollout.objects.filter(
        endpoint=OuterRef("endpoint"), kind=Rollout.Kind.WITHDRAW, state=RolloutState.DONE
    ).order_by("-ended_at")
    rows = Rollout.objects.filter(pk__in=keys).annotate(back_at=Subquery(back.values("ended_at")[:1]))
    rows = rows.select_related("endpoint", "version__model", "version__manifest", "created_by")
    return {row.endpoint_id: row for row in rows}


def serving_since(serves: Rollout) -> datetime:
    """Return since when what `serving` gave is served: its own end, or that of a withdrawal that brought it back."""
    newest: datetime | None = vars(serves)["back_at"]
    own = serves.ended_at or serves.created_at
    return max(own, newest) if newest else own


def stand_by(endpoint: Endpoint, version: ModelVersion) -> Rollout | None:
    """Return the rollout that a rollback would go to while `version` serves, or None; its replica is kept running."""
    return _installed(endpoint).exclude(version=version).first()


def way_back(rollout: Rollout) -> Rollout | None:
    """Return what requests go back to if `rollout` fails: what served before, or the next whose right still stands."""
    if rollout.last_good is None:
        return None
    before = _installed(rollout.endpoint).filter(pk=rollout.last_good.pk).first()
    return before or stand_by(rollout.endpoint, rollout.version)


def last_withdrawn(endpoint: Endpoint, version: ModelVersion) -> datetime | None:
    """Return when the right to serve `version` was last withdrawn, or None."""
    rows = endpoint.rights.filter(version=version, withdrawn_at__isnull=False).order_by("-withdrawn_at")
    return rows.values_list("withdrawn_at", flat=True).first()


def _installed(endpoint: Endpoint) -> QuerySet[Rollout]:
    """Rollouts whose right still stands, newest first."""
    return _with_right(endpoint.rollouts.select_related("endpoint", "version__model", "version__manifest"))


def _with_right(rows: QuerySet[Rollout]) -> QuerySet[Rollout]:
    return rows.filter(right__isnull=False, right__withdrawn_at=None).order_by("-ended_at")


def mint_endpoint_token(
    endpoint: Endpoint, *, label: str, days: int, actor: Actor, use: str = EndpointToken.Use.PREDICT
) -> tuple[EndpointToken, str]:
    """Make a token for one use of `endpoint` and return it with its text, shown this once."""
    require(actor, endpoint.environment.permission, f"make tokens for {endpoint}", about=endpoint_subject(endpoint))
    if not label.strip():
        raise Invalid("Give the token a name, such as the service it is for.", field="label")
    if not 1 <= days <= settings.TOKEN_TTL_DAYS:
        raise Invalid(f"A token lives from 1 to {settings.TOKEN_TTL_DAYS} days.", field="days")
    if use not in EndpointToken.Use.values:
        raise Invalid(f"A token is for {' or '.join(EndpointToken.Use.values)}.", field="use")
    prefix = secrets.token_hex(4)
    text = f"{MARK}{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        row = EndpointToken.objects.create(
            endpoint=endpoint, use=use, label=label.strip()[:80], prefix=prefix, sha256=digest(text),
            created_by=actor.person, expires_at=clock.now() + timedelta(days=days),
        )  # fmt: skip
        after: dict[str, object] = {"token": prefix, "expires_at": clock.iso(row.expires_at), "use": use}
        change = Change(after=after, facts={"fingerprint": fingerprint_of(row.sha256)})
        record("endpoint.token.created", endpoint_subject(endpoint), actor=actor, change=change)
        transaction.on_commit(feed.publish, robust=True)  # at once; where it fails, the next round does it
    return row, text


def revoke_endpoint_token(endpoint: Endpoint, token_id: int, *, actor: Actor) -> None:
    """End a token; doing it again changes nothing."""
    require(actor, endpoint.environment.permission, f"revoke tokens of {endpoint}", about=endpoint_subject(endpoint))
    with transaction.atomic():
        row = EndpointToken.objects.select_for_update().filter(endpoint=endpoint, pk=token_id).first()
        if row is None:
            raise NotFound("There is no such token.")
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            row.save(update_fields=["revoked_at"])
            change = Change(after={"token": row.prefix})
            record("endpoint.token.revoked", endpoint_subject(endpoint), actor=actor, change=change)
            transaction.on_commit(feed.publish, robust=True)


def told_by(token: str) -> Endpoint | None:
    """Return the endpoint of whose predictions a token may tell, or None."""
    rows = EndpointToken.objects.filter(
        use=EndpointToken.Use.TELL, sha256=digest(token), revoked_at=None, expires_at__gt=clock.now()
    )
    row = rows.select_related("endpoint__model", "endpoint__environment").first()
    return row.endpoint if row else None

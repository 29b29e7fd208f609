"""Moves of a version, which of them need whose signature, and who may carry them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from django.conf import settings

from accounts.permissions import Permission
from registry.models.approvals import ALL
from registry.policies.book import DEFAULT, FREE, OFF, Governed, Governing, first_for, in_force
from registry.policies.documents import Action
from registry.policies.terms import Terms, shared
from registry.stages import Stage

FOLLOWS_PRODUCTION = "champion"


class Guarded(Governed, Protocol):
    """A registered model, as the policy sees it."""

    def protects(self, alias: str) -> bool:
        """Whether moving `alias` needs a signature."""
        ...


@dataclass(frozen=True)
class StageMove:
    """A version goes from one stage to another; `archive_existing` sends the others of the new stage to Archived."""

    from_stage: Stage
    to_stage: Stage
    archive_existing: bool = False

    @property
    def key(self) -> str:
        """Names the move within its version, whatever stage it starts from."""
        return f"stage:{self.to_stage}{':archive' if self.archive_existing else ''}"

    @property
    def aliases(self) -> list[str]:
        """Aliases that move along: `champion` is whatever was signed into Production."""
        return [FOLLOWS_PRODUCTION] if self.to_stage is Stage.PRODUCTION and settings.APPROVALS else []

    @property
    def document(self) -> dict[str, object]:
        """The move as the subject states it."""
        return {
            "kind": "stage",
            "from": self.from_stage,
            "to": self.to_stage,
            "archive_existing": self.archive_existing,
            "aliases": self.aliases,
        }

    @property
    def label(self) -> str:
        """The move in short, after the version's name."""
        return f"to {self.to_stage}"

    @property
    def goal(self) -> str:
        """What the version is to do; completes "it needs an approval to …"."""
        return f"go to {self.to_stage}"

    def deed(self, version: object) -> str:
        """What a person does; completes "may not …"."""
        return f"move {version} to {self.to_stage}"


@dataclass(frozen=True)
class AliasMove:
    """An alias comes to point at a version; `gone` takes it away from it instead."""

    alias: str
    gone: bool = False

    @property
    def key(self) -> str:
        """Names the move within its version."""
        return f"alias:{self.alias}{':gone' if self.gone else ''}"

    @property
    def document(self) -> dict[str, object]:
        """The move as the subject states it."""
        return {"kind": "alias", "alias": self.alias, "gone": self.gone}

    @property
    def label(self) -> str:
        """The move in short, after the version's name."""
        return f"as @{self.alias}"

    @property
    def goal(self) -> str:
        """What the version is to do; completes "it needs an approval to …"."""
        return f"{'lose' if self.gone else 'become'} @{self.alias}"

    def deed(self, version: object) -> str:
        """What a person does; completes "may not …"."""
        return f"take @{self.alias} from {version}" if self.gone else f"point @{self.alias} at {version}"


@dataclass(frozen=True)
class Stay:
    """A version stays where it stands: a deployment is all that is asked for, to an environment without stage."""

    key = "stay"
    document: ClassVar[dict[str, object]] = {"kind": "stay"}
    label = "to be deployed"
    goal = "be deployed"

    def deed(self, version: object) -> str:
        """What a person does; completes "may not …"."""
        return f"deploy {version}"


Move = StageMove | AliasMove | Stay


def move_from(document: dict[str, object]) -> Move:
    """Return the move a subject's `move` states."""
    if document["kind"] == "stay":
        return Stay()
    if document["kind"] == "alias":
        return AliasMove(str(document["alias"]), gone=bool(document["gone"]))
    return StageMove(
        Stage(str(document["from"])), Stage(str(document["to"])), archive_existing=bool(document["archive_existing"])
    )


@dataclass(frozen=True)
class Requirement:
    """What a move needs: approvals under `terms`, and the permission of whoever carries it out without having asked."""

    permission: Permission
    terms: Terms

    @property
    def approvals(self) -> int:
        """How many people have to approve."""
        return self.terms.approvals

    @property
    def off(self) -> bool:
        """Whether approvals are switched off."""
        return self.terms.policies == (OFF,)

    @property
    def said(self) -> dict[str, object]:
        """What a subject says of it."""
        return {**self.terms.named, "approvals": self.approvals}

    @property
    def facts(self) -> dict[str, object]:
        """What the ledger keeps of it."""
        return {"policy": self.terms.named}


def requirement(move: Move, model: Guarded, deployment: Mapping[str, Any] | None = None) -> Requirement:
    """Return what the policies in force ask of `move`, and of a deployment with it, by a version of `model`."""
    return requirement_by(in_force() if settings.APPROVALS else [], move, model, deployment)


def governs_deployment(model: Governed, environment: str, plan: Mapping[str, Any]) -> bool:
    """Whether a policy in force is for a deployment of `model` by `plan`, so that somebody has to sign it."""
    book = in_force() if settings.APPROVALS else []
    return any(first_for(part, model, book) for part in shares_asked(environment, plan))


def requirements(moves: Sequence[Move], model: Guarded) -> list[Requirement]:
    """Return what the policies in force ask of each of `moves`; they are read once."""
    book = in_force() if settings.APPROVALS else []
    return [requirement_by(book, move, model) for move in moves]


def requirement_by(
    book: Sequence[Governing], move: Move, model: Guarded, deployment: Mapping[str, Any] | None = None
) -> Requirement:
    """Return what the policies of `book` ask; with approvals off, nobody's."""
    terms = terms_by(book, move, model, deployment) if settings.APPROVALS else shared([OFF])
    return Requirement(permission_for(move, model), terms)


def terms_by(
    book: Sequence[Governing],
    move: Move,
    model: Guarded,
    deployment: Mapping[str, Any] | None = None,
    *,
    up_to_pct: int = ALL,
) -> Terms:
    """Return what the policies of `book` ask for together, of a deployment for its shares up to `up_to_pct`.

    Each part of what is asked is held to its own policy, so that nothing added to a request makes it easier.
    """
    held = [first_for(part, model, book) for part in _parts(move, deployment, up_to_pct)]
    if _is_guarded(move, model) and held[:1] == [None]:
        held[0] = DEFAULT
    return shared([one for one in held if one] or [FREE])


def _parts(move: Move, deployment: Mapping[str, Any] | None, up_to_pct: int) -> list[Action]:
    """Return what is asked for: the move, the aliases that go along, the deployment at each of its shares."""
    deployed = shares_asked(deployment["environment"], deployment["plan"], up_to_pct) if deployment else []
    return [*parts_of(move), *deployed]


def shares_asked(environment: str, plan: Mapping[str, Any], up_to_pct: int = ALL) -> list[Action]:
    """Return what a deployment by `plan` is at each of its shares up to `up_to_pct`."""
    begins = begins_pct(plan)
    return [Action("deploy", environment, begins, share) for share in shares_pct(plan) if share <= up_to_pct]


def parts_of(move: Move) -> list[Action]:
    """Return what a move does: itself, and the aliases that go along."""
    if isinstance(move, StageMove):
        return [Action("stage", move.to_stage), *(Action("alias", alias) for alias in move.aliases)]
    return [Action("alias", move.alias)] if isinstance(move, AliasMove) and not move.gone else []


def begins_pct(plan: Mapping[str, Any]) -> int:
    """Return the share of the requests, in percent, that a plan gives first: all of them where it says no less."""
    return shares_pct(plan)[0]


def shares_pct(plan: Mapping[str, Any]) -> list[int]:
    """Return the shares of the requests, in percent, that a plan gives one after another; all of them come last."""
    if step := plan.get("step_pct"):
        return [*range(int(step), ALL, int(step)), ALL]
    listed = plan.get("shares") or []
    return [*(int(one["pct"] if isinstance(one, Mapping) else one) for one in listed), ALL]


def _is_guarded(move: Move, model: Guarded) -> bool:
    """Whether the move needs a signature where no policy says so."""
    if isinstance(move, AliasMove):
        return model.protects(move.alias)
    return isinstance(move, StageMove) and move.to_stage is Stage.PRODUCTION


def permission_for(move: Move, model: Guarded) -> Permission:
    """Return what whoever carries out `move` without having asked for it needs, whatever policies say."""
    if isinstance(move, AliasMove):
        return Permission.ALIAS_PROTECTED if model.protects(move.alias) else Permission.MODEL_WRITE
    if isinstance(move, Stay):
        return Permission.DEPLOY_STAGING
    if Stage.PRODUCTION in {move.from_stage, move.to_stage}:
        return Permission.STAGE_PRODUCTION
    return Permission.STAGE_STAGING if move.to_stage is Stage.STAGING else Permission.MODEL_WRITE

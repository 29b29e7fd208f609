"""The default policy: which moves need whose signature, and who may carry them out."""

from dataclasses import dataclass

from django.conf import settings

from accounts.permissions import Permission
from registry.stages import Stage

PROTECTED_ALIASES = frozenset({"champion"})
FOLLOWS_PRODUCTION = "champion"


def is_protected(alias: str) -> bool:
    """Whether moving `alias` needs a signature; a look-alike in other case is protected too."""
    return alias.lower() in PROTECTED_ALIASES


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
        """The move in words."""
        return f"to {self.to_stage}"


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
        """The move in words."""
        return f"as @{self.alias}"


Move = StageMove | AliasMove


def move_from(document: dict[str, object]) -> Move:
    """Return the move a subject's `move` states."""
    if document["kind"] == "alias":
        return AliasMove(str(document["alias"]), gone=bool(document["gone"]))
    return StageMove(
        Stage(str(document["from"])), Stage(str(document["to"])), archive_existing=bool(document["archive_existing"])
    )


@dataclass(frozen=True)
class Requirement:
    """What a move needs: so many approvals first, and the permission of whoever carries it out without having asked."""

    approvals: int
    permission: Permission
    policy_id: str
    policy_version: int

    @property
    def facts(self) -> dict[str, object]:
        """What the ledger keeps of it."""
        return {"policy": {"id": self.policy_id, "version": self.policy_version}}


def requirement(move: Move) -> Requirement:
    """Return what the policy in force asks of `move`."""
    if not settings.APPROVALS:
        return Requirement(0, _permission(move), "approvals-off", 1)
    return Requirement(1 if _is_guarded(move) else 0, _permission(move), "default", 1)


def _is_guarded(move: Move) -> bool:
    if isinstance(move, AliasMove):
        return is_protected(move.alias) and not move.gone
    return move.to_stage is Stage.PRODUCTION


def _permission(move: Move) -> Permission:
    if isinstance(move, AliasMove):
        return Permission.ALIAS_PROTECTED if is_protected(move.alias) else Permission.MODEL_WRITE
    if Stage.PRODUCTION in {move.from_stage, move.to_stage}:
        return Permission.STAGE_PRODUCTION
    return Permission.STAGE_STAGING if move.to_stage is Stage.STAGING else Permission.MODEL_WRITE

"""Who may do what: permissions, the table that gives them to roles, and the token scope each one needs.

A permission that the table does not name is denied. docs/reference/access-matrix.md shows the same table.
"""

from collections.abc import Collection
from enum import StrEnum

from accounts.roles import Role


class Permission(StrEnum):
    """One thing a person may do, on any model she can see."""

    MODEL_READ = "model.read"
    LEDGER_READ = "ledger.read"
    ADMIN_READ = "admin.read"
    MODEL_CREATE = "model.create"
    MODEL_WRITE = "model.write"
    MODEL_WRITE_OWN = "model.write-own"
    MODEL_READ_RESTRICTED = "model.read-restricted"
    TRACKING_WRITE = "tracking.write"
    TRACKING_WRITE_ALL = "tracking.write-all"
    REQUEST_OPEN = "request.open"
    REQUEST_DISCUSS = "request.discuss"
    REQUEST_DECIDE = "request.decide"
    GLASS_BREAK = "glass.break"
    STAGE_STAGING = "stage.staging"
    STAGE_PRODUCTION = "stage.production"
    ALIAS_PROTECTED = "alias.protected"
    DEPLOY_STAGING = "deploy.staging"
    DEPLOY_PRODUCTION = "deploy.production"
    ENDPOINT_MANAGE = "endpoint.manage"
    LABEL_GIVE = "label.give"
    THRESHOLD_SET = "threshold.set"
    POLICY_PROPOSE = "policy.propose"
    POLICY_ACCEPT = "policy.accept"
    GRANT_GIVE = "grant.give"
    USER_MANAGE = "user.manage"
    WEBHOOK_MANAGE = "webhook.manage"
    STATE_SETTLE = "state.settle"


class Scope(StrEnum):
    """What an API token may be used for."""

    READ = "read"
    WRITE = "write"
    DECIDE = "decide"


P = Permission
EVERYONE = {P.MODEL_READ, P.LEDGER_READ}

GRANTED: dict[Role, frozenset[Permission]] = {
    Role.DATA_SCIENTIST: frozenset(
        EVERYONE
        | {P.MODEL_CREATE, P.MODEL_WRITE_OWN, P.TRACKING_WRITE, P.REQUEST_OPEN, P.REQUEST_DISCUSS, P.LABEL_GIVE},
    ),
    Role.ML_ENGINEER: frozenset(
        EVERYONE
        | {P.MODEL_CREATE, P.MODEL_WRITE, P.TRACKING_WRITE, P.TRACKING_WRITE_ALL, P.REQUEST_OPEN, P.REQUEST_DISCUSS}
        | {P.MODEL_WRITE_OWN, P.STAGE_STAGING, P.DEPLOY_STAGING, P.LABEL_GIVE},
    ),
    Role.OPS: frozenset(
        EVERYONE
        | {P.MODEL_WRITE_OWN, P.REQUEST_OPEN, P.REQUEST_DISCUSS, P.ADMIN_READ}
        | {P.STAGE_STAGING, P.STAGE_PRODUCTION, P.ALIAS_PROTECTED}
        | {P.DEPLOY_STAGING, P.DEPLOY_PRODUCTION, P.ENDPOINT_MANAGE, P.LABEL_GIVE, P.GLASS_BREAK},
    ),
    Role.REVIEWER: frozenset(
        EVERYONE | {P.REQUEST_DISCUSS, P.REQUEST_DECIDE, P.THRESHOLD_SET, P.POLICY_PROPOSE, P.POLICY_ACCEPT}
    ),
    Role.AUDITOR: frozenset(EVERYONE | {P.MODEL_READ_RESTRICTED, P.ADMIN_READ}),
    Role.ADMIN: frozenset(
        EVERYONE
        | {P.MODEL_READ_RESTRICTED, P.GRANT_GIVE, P.USER_MANAGE, P.THRESHOLD_SET, P.REQUEST_DISCUSS}
        | {P.WEBHOOK_MANAGE, P.ADMIN_READ, P.POLICY_PROPOSE, P.POLICY_ACCEPT, P.STATE_SETTLE},
    ),
}

DECISIONS = frozenset({P.REQUEST_DECIDE, P.POLICY_ACCEPT, P.GLASS_BREAK, P.STATE_SETTLE})
READS = frozenset({P.MODEL_READ, P.LEDGER_READ, P.MODEL_READ_RESTRICTED, P.ADMIN_READ})


def needed_scope(permission: Permission) -> Scope:
    """Return the scope a token must have to use `permission`."""
    if permission in DECISIONS:
        return Scope.DECIDE
    return Scope.READ if permission in READS else Scope.WRITE


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that hold `permission`, in the order of the enum."""
    return [role for role in Role if permission in GRANTED[role]]


def enters_admin(roles: Collection[str]) -> bool:
    """Whether somebody with `roles` enters the admin site."""
    return any(role in roles for role in roles_with(Permission.ADMIN_READ))

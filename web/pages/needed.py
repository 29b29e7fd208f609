"""Who could do what a person may not: said on pages instead of a button, and on the 403."""

from accounts.models import User
from accounts.permissions import Permission, roles_with
from accounts.roles import Role

MOST_NAMED = 5


def needed(permission: Permission) -> dict[str, object]:
    """Return the roles that may, the admins who can give them, and where to ask for one."""
    roles = roles_with(permission)
    admins = User.objects.filter(groups__name=Role.ADMIN, is_active=True).order_by("username")
    return {
        "needed_role": " or ".join(role.label for role in roles),
        "who_can_grant": list(admins.values_list("username", flat=True)[:MOST_NAMED]),
        "request_access_url": f"/account/access?role={roles[0]}" if roles else "",
    }

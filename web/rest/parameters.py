"""Own REST refuses query parameters that it does not have: a filter with a slip in its name would show everything."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.refusals import Invalid


class KnownParameters(BasePermission):
    """Lets in calls whose query parameters their OpenAPI names."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raise Invalid, with what the call takes, for any other parameter."""
        method = "GET" if request.method == "HEAD" else str(request.method)
        if not hasattr(view, method.lower()):
            return True  # the 405 that follows says more
        known = _named(view, method)
        if other := sorted(set(request.query_params) - set(known)):
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise Invalid(f"{other[0][:80]} is no parameter of this call; {takes}.", field=other[0][:80])
        return True


def _named(view: Any, method: str) -> list[str]:
    described = getattr(view, method.lower()).kwargs["schema"]()  # as `extend_schema` left it there
    described.view, described.method = view, method  # a view of several methods describes each of them
    return sorted(parameter.name for parameter in described.get_override_parameters())

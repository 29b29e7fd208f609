"""Says in a client's terminal that a move waits for a sign-off, where, and what to do afterwards."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from accounts.permissions import Permission, roles_with
from registry.requests import ApprovalRequired, move_of


def needed(request: HttpRequest, waiting: ApprovalRequired) -> JsonResponse:
    """Return 403 with the link to the request. The client shows the message verbatim and does not try again."""
    row, goal = waiting.request, move_of(waiting.request).goal
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    link = f"{base}/approvals/{row.pk}"
    who = " or ".join(role.label for role in roles_with(Permission.REQUEST_DECIDE))
    if waiting.opened:
        said = f"{row.version} needs an approval to {goal}. Request #{row.pk} is open now"
    else:
        said = f"{row.version} is still waiting for its approval to {goal}. Request #{row.pk} was opened before"
    message = f"{said}: {link} (a {who} decides there). Repeat this call once it is approved."
    return JsonResponse({"error_code": "PERMISSION_DENIED", "message": message}, status=403)

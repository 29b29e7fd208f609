"""The page of the admin site that shows who may do what: the table itself, nothing written a second time."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.permissions import GRANTED, Permission, needed_scope
from accounts.policy import require
from accounts.roles import Role
from web.actors import actor_of


@require_GET
def matrix(request: HttpRequest) -> HttpResponse:
    """Show each permission, the roles that give it, and the scope that a token needs for it."""
    require(actor_of(request), Permission.ADMIN_READ, "read the admin site")
    rows = [
        {"name": str(one), "given": [one in GRANTED[role] for role in Role], "scope": str(needed_scope(one))}
        for one in Permission
    ]
    context = {"title": "Who may do what", "roles": [role.label for role in Role], "rows": rows}
    return render(request, "admin/access.html", {**admin.site.each_context(request), **context})

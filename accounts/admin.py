"""Admin pages of people: the admin role manages them through the same functions as everything else."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.actors import Actor, roles_of
from accounts.models import AccessRequest, ApiToken, Team, User
from accounts.permissions import Permission
from accounts.policy import denied
from accounts.roles import Role
from accounts.teams import create_team, set_members
from accounts.users import create_user, deactivate, describe, reactivate, set_roles
from core.refusals import Denied, Refusal

admin.site.unregister(Group)
admin.site.site_header = "Signoff administration"
admin.site.site_title = "Signoff"
admin.site.index_title = "Administration"


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in person; the admin site lets nobody else in."""
    actor = cast("Actor | None", getattr(request, "actor", None))
    if actor is None:
        raise PermissionDenied
    return actor


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django has no generic at run time
    """Lists and shows rows to admins, ops and auditors; changes nothing."""

    writes_need: Permission | None = None  # where somebody may add or change rows here
    list_per_page = 50
    show_full_result_count = False
    actions: Any = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person reads here."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By role."""
        del obj
        return actor_of(request).holds(Permission.ADMIN_READ)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        del request, obj
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The form of a new row, or the refusal that names who may."""
        if not self.has_add_permission(request):
            raise self._refusal(request, "add")
        return super().add_view(request, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The question before deleting, or the refusal."""
        if not self.has_delete_permission(request):
            raise self._refusal(request, "delete")
        return super().delete_view(request, object_id, extra_context)

    def refuse(self, request: HttpRequest, why: Refusal) -> None:
        """Say why what was sent is not kept; what Django would say of it afterwards is not said."""
        messages.error(request, why.sentence)
        request.refused = True  # type: ignore[attr-defined]

    def message_user(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Say what was done, unless it was refused."""
        if not getattr(request, "refused", False):
            super().message_user(request, *args, **kwargs)

    def _refusal(self, request: HttpRequest, deed: str) -> Denied:
        what = self.model._meta.verbose_name_plural
        if self.writes_need and not actor_of(request).holds(self.writes_need):
            return denied(actor_of(request), self.writes_need, f"{deed} {what}")
        return Denied(f"Nobody may {deed} {what} here: the admin site only shows them.")


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person and her roles; the password is set once, when she is created."""

    roles = forms.MultipleChoiceField(
        choices=[(role.value, role.label) for role in Role], widget=forms.CheckboxSelectMultiple, required=False
    )
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        required=False,
        help_text="Only for a new person: at least 12 characters. Without one she signs in by a link made on the host.",
    )

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["roles"] = sorted(roles_of(self.instance))
            self.fields.pop("password", None)

    def clean_password(self) -> str:
        """Hold it to the password rules."""
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password)
        return password


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin):
    """People: created, given roles and deactivated by admins."""

    form = PersonForm
    writes_need = Permission.USER_MANAGE
    list_display = ("username", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    search_fields = ("username", "email")

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        """The labels of her roles."""
        return ", ".join(sorted(roles_of(user))) or "none"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins create people."""
        del obj
        return actor_of(request).holds(Permission.USER_MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins change people."""
        del obj
        return actor_of(request).holds(Permission.USER_MANAGE)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """The password is set once, with a new person."""
        del request
        fields = ["username", "first_name", "last_name", "email", "roles"]
        return [*fields, "is_active"] if obj else [*fields, "password"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """A name never changes: the ledger has it."""
        del request
        return ("username",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Create or change the person by the same functions as everywhere, all of it or nothing."""
        user, actor = cast("User", obj), actor_of(request)
        roles = [Role(name) for name in form.cleaned_data["roles"]]
        try:
            with transaction.atomic():
                if change:
                    set_roles(user, roles=roles, actor=actor)
                    (reactivate if user.is_active else deactivate)(user, actor=actor)
                else:
                    password = form.cleaned_data["password"] or None
                    user.pk = create_user(user.username, roles=roles, actor=actor, password=password).pk
                names = {"first_name": user.first_name, "last_name": user.last_name, "email": user.email}
                describe(user, **names, actor=actor)
        except Refusal as why:
            self.refuse(request, why)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Roles are set by `save_model`."""


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """A team and the people in it."""

    members = forms.ModelMultipleChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("username"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Team
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["members"] = self.instance.user_set.all()

    def clean_name(self) -> str:
        """Keep the roles' names for roles."""
        name: str = self.cleaned_data["name"].strip()
        if name.lower() in set(Role):
            raise forms.ValidationError(f"{name} is a role; call the team something else.")
        return name


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    """Teams: made, and people put in and out, by admins. A team is emptied, not deleted: the ledger names it."""

    form = TeamForm
    writes_need = Permission.USER_MANAGE
    list_display = ("name", "people")
    search_fields = ("name",)

    @admin.display(description="People")
    def people(self, team: Team) -> str:
        """The names of those in it."""
        return ", ".join(team.user_set.order_by("username").values_list("username", flat=True)) or "nobody"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins make teams."""
        del obj
        return actor_of(request).holds(Permission.USER_MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins put people in and out."""
        del obj
        return actor_of(request).holds(Permission.USER_MANAGE)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """The name and the people."""
        del request, obj
        return ["name", "members"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """A name never changes: grants in the ledger have it."""
        del request
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Make or fill the team by the same functions as everywhere."""
        team, actor = cast("Team", obj), actor_of(request)
        try:
            if not change:
                team.pk = create_team(team.name, actor=actor).pk
            set_members(team, list(form.cleaned_data["members"]), actor=actor)
        except Refusal as why:
            self.refuse(request, why)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Members are set by `save_model`."""


@admin.register(ApiToken)
class TokenAdmin(ReadOnlyAdmin):
    """Tokens, without their secrets."""

    list_display = ("prefix", "user", "label", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    search_fields = ("prefix", "label", "user__username")
    exclude = ("sha256",)


@admin.register(AccessRequest)
class AccessRequestAdmin(ReadOnlyAdmin):
    """Wishes for a role, given by one action."""

    list_display = ("user", "role", "reason", "created_at", "settled_at")
    list_filter = ("role", ("settled_at", admin.EmptyFieldListFilter))
    actions = ("give",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Only admins give roles."""
        found: dict[str, Any] = super().get_actions(request)
        return found if actor_of(request).holds(Permission.USER_MANAGE) else {}

    @admin.action(description="Give the role")
    def give(self, request: HttpRequest, wishes: QuerySet[AccessRequest]) -> None:
        """Give each person what she asked for, beside what she has."""
        for wish in wishes.select_related("user").filter(settled_at=None):
            try:
                set_roles(wish.user, roles=roles_of(wish.user) | {Role(wish.role)}, actor=actor_of(request))
            except Refusal as why:
                messages.error(request, why.sentence)
            else:
                messages.success(request, f"{wish.user.username} is now {Role(wish.role).label}.")

"""People, their API tokens and their sign-in links."""

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser, Group, GroupManager
from django.db import models
from django.utils import timezone

from accounts.roles import Role


class User(AbstractUser):
    """A person. Her roles are her groups. How she likes the pages is `accounts.preferences`."""

    theme = models.CharField(
        max_length=5, blank=True, default="", choices=[("", "System"), ("light", "Light"), ("dark", "Dark")]
    )
    density = models.CharField(max_length=8, blank=True, default="")
    times = models.CharField(max_length=8, blank=True, default="")
    rows = models.PositiveSmallIntegerField(default=50)
    single_keys = models.BooleanField(default=True)
    notices_seen_at = models.DateTimeField(null=True, blank=True)

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is hers. Its hash stays as it is: only a change of hers, which is an event, makes another."""
        return check_password(raw_password, self.password)


class TeamManager(GroupManager):
    """Groups that are no roles."""

    def get_queryset(self) -> "models.QuerySet[Group]":
        """Leave the roles out."""
        return super().get_queryset().exclude(name__in=list(Role))


class Team(Group):
    """A group of people that rights on models are given to."""

    objects: ClassVar[TeamManager] = TeamManager()

    class Meta:
        """The table is Django's own."""

        proxy = True


class ApiToken(models.Model):
    """A bearer token: `prefix` is shown, the whole is known only by its SHA-256."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first, as the page shows them."""

        ordering = ("-created_at",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.prefix} ({self.label})"


class SignInLink(models.Model):
    """A link that signs its person in, from loopback only: once, or at will while `demo_run` is the server's."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    demo_run = models.CharField(max_length=64, blank=True, default="")

    def __str__(self) -> str:
        return f"sign-in link of {self.user}"


class AccessRequest(models.Model):
    """A person without a role (or without the right one) asks an admin for it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    role = models.CharField(max_length=32)
    reason = models.CharField(max_length=1000)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        """One open wish per person and role."""

        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=models.Q(settled_at=None), name="access_request_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} asks for {self.role}"

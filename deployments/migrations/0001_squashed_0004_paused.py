"""Endpoints, rollouts, and the two environments."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create each once."""
    del schema_editor
    for name, needs_approval in (("staging", False), ("production", True)):
        apps.get_model("deployments", "Environment").objects.get_or_create(
            name=name, defaults={"needs_approval": needs_approval}
        )


class Migration(migrations.Migration):
    """As of 0.1, in one step; `replaces` lets a home that took the steps go on."""

    replaces = [
        ("deployments", "0001_initial"),
        ("deployments", "0002_environments"),
        ("deployments", "0003_withdrawals"),
        ("deployments", "0004_paused"),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("registry", "0001_squashed_0011_uploads"),
    ]

    operations = [
        migrations.CreateModel(
            name="Environment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, unique=True)),
                ("needs_approval", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=63, unique=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="deployments.environment",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="registry.registeredmodel",
                    ),
                ),
                ("target", models.CharField(default="local", max_length=32)),
                ("salt", models.CharField(max_length=64)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="EndpointToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to="deployments.endpoint"
                    ),
                ),
                ("label", models.CharField(max_length=80)),
                ("prefix", models.CharField(max_length=16, unique=True)),
                ("sha256", models.CharField(max_length=64, unique=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Rollout",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="deployments.endpoint"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="registry.modelversion"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[("deploy", "Deployment"), ("rollback", "Rollback"), ("withdraw", "Withdrawal")],
                        default="deploy",
                        max_length=8,
                    ),
                ),
                ("plan", models.JSONField(default=dict)),
                (
                    "request",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rollout",
                        to="registry.approvalrequest",
                    ),
                ),
                (
                    "last_good",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="deployments.rollout",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("rolling_back", "Rolling back"),
                            ("done", "Done"),
                            ("rolled_back", "Rolled back"),
                            ("failed", "Failed"),
                            ("needs_operator", "Needs an operator"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("why", models.CharField(blank=True, default="", max_length=500)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("paused_at", models.DateTimeField(null=True)),
                (
                    "paused_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("fence", models.PositiveBigIntegerField(default=0)),
                ("holder", models.CharField(blank=True, default="", max_length=64)),
                ("lease_until", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["state", "lease_until"], name="rollout_due")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["needs_operator", "rolling_back", "running"])),
                        fields=("endpoint",),
                        name="rollout_one_live_per_endpoint",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="InstalledRight",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rights", to="deployments.endpoint"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.modelversion"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                (
                    "rollout",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="right", to="deployments.rollout"
                    ),
                ),
                ("installed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("withdrawn_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="RolloutInNeed",
            fields=[],
            options={
                "verbose_name": "rollout that needs an operator",
                "verbose_name_plural": "rollouts that need an operator",
                "proxy": True,
            },
            bases=("deployments.rollout",),
        ),
        migrations.CreateModel(
            name="RolloutStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "rollout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="deployments.rollout"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=32)),
                ("arguments", models.JSONField(default=dict)),
                ("key", models.CharField(max_length=100, unique=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("applied", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("deadline_at", models.DateTimeField(null=True)),
                ("observed", models.JSONField(default=dict)),
                ("why", models.CharField(blank=True, default="", max_length=500)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("position",),
                "constraints": [models.UniqueConstraint(fields=("rollout", "position"), name="step_once_per_position")],
            },
        ),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]

"""Webhooks and their deliveries; the ledger as it is now counts as told."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the one row."""
    del schema_editor
    last = apps.get_model("audit", "Seal").objects.order_by("-seq").values_list("seq", flat=True).first()
    apps.get_model("webhooks", "Reached").objects.create(seq=-1 if last is None else last)


class Migration(migrations.Migration):
    """As of 0.1, in one step; `replaces` lets a home that took the steps go on."""

    replaces = [("webhooks", "0001_initial"), ("webhooks", "0002_reached")]

    initial = True

    dependencies = [
        ("audit", "0001_squashed_0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Reached",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seq", models.BigIntegerField(default=-1)),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("channel", models.CharField(choices=[("mlflow", "MLflow's"), ("signoff", "Signoff's")], max_length=8)),
                ("name", models.CharField(max_length=63)),
                ("description", models.CharField(blank=True, default="", max_length=1000)),
                ("url", models.CharField(max_length=500)),
                ("events", models.JSONField(default=list)),
                ("secret", models.BinaryField(default=b"")),
                ("active", models.BooleanField(default=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("resting_until", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="webhooks.webhook"
                    ),
                ),
                (
                    "seq",
                    models.BigIntegerField(help_text="number of the event in the ledger; none for a test", null=True),
                ),
                ("event", models.CharField(max_length=64)),
                ("body", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("delivered", "delivered"),
                            ("failed", "failed"),
                            ("dropped", "dropped"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("claim", models.UUIDField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                ("answer", models.TextField(blank=True, default="")),
                ("log", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(fields=["state", "next_at"], name="delivery_due"),
                    models.Index(fields=["-created_at"], name="delivery_newest"),
                ],
                "constraints": [models.UniqueConstraint(fields=("webhook", "seq"), name="delivery_once")],
            },
        ),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]

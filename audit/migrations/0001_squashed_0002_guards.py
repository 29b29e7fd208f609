"""The ledger, append-only."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from audit.triggers import statements


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Install the guards of this database."""
    del apps
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """As of 0.1, in one step; `replaces` lets a home that took the steps go on."""

    replaces = [("audit", "0001_initial"), ("audit", "0002_guards")]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField(max_length=32)),
                ("frontier", models.BinaryField()),
                ("note", models.TextField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Denial",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField()),
                ("actor_name", models.CharField(max_length=150)),
                ("action", models.CharField(max_length=64)),
                ("object_key", models.CharField(max_length=200)),
                ("count", models.PositiveIntegerField(default=1)),
                ("facts", models.JSONField(default=dict)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("minute", "actor_name", "action", "object_key"), name="denial_once_a_minute"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("body", models.BinaryField()),
                ("leaf", models.BinaryField(max_length=32)),
                ("at", models.DateTimeField()),
                ("action", models.CharField(max_length=64)),
                ("outcome", models.CharField(max_length=16)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_name", models.CharField(max_length=150)),
                ("object_kind", models.CharField(max_length=32)),
                ("object_id", models.CharField(max_length=64)),
                ("object_label", models.CharField(max_length=400)),
                ("model_uuid", models.UUIDField(null=True)),
                ("xact", models.BigIntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["xact", "id"], name="event_xact"),
                    models.Index(fields=["model_uuid", "id"], name="event_model"),
                    models.Index(fields=["actor_name", "id"], name="event_actor"),
                    models.Index(fields=["action", "id"], name="event_action"),
                    models.Index(fields=["object_kind", "object_id", "id"], name="event_object"),
                    models.Index(fields=["outcome", "id"], name="event_outcome"),
                    models.Index(fields=["at"], name="event_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "event",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seal",
                        to="audit.event",
                    ),
                ),
                ("leaf", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]

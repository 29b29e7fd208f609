"""Models, versions, runs, requests, files; experiment 0."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import registry.stages


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create it once."""
    del schema_editor
    apps.get_model("registry", "Experiment").objects.get_or_create(pk=0, defaults={"name": "Default"})


class Migration(migrations.Migration):
    """As of 0.1, in one step; `replaces` lets a home that took the steps go on."""

    replaces = [
        ("registry", "0001_initial"),
        ("registry", "0002_default_experiment"),
        ("registry", "0003_hold"),
        ("registry", "0004_search_indexes"),
        ("registry", "0005_semver"),
        ("registry", "0006_wide_search"),
        ("registry", "0007_fill_version_values"),
        ("registry", "0008_strict_sources"),
        ("registry", "0009_imported"),
        ("registry", "0010_protected_aliases"),
        ("registry", "0011_uploads"),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Blob",
            fields=[
                ("sha256", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Experiment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=500, unique=True)),
                (
                    "lifecycle_stage",
                    models.CharField(
                        choices=[("active", "Active"), ("deleted", "Deleted")], default="active", max_length=8
                    ),
                ),
                ("tags", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Imported",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=300)),
                ("kind", models.CharField(max_length=20)),
                ("there", models.CharField(max_length=400)),
                ("here", models.CharField(max_length=100)),
                ("facts", models.JSONField(default=dict)),
                ("done", models.BooleanField(default=False)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["kind", "here"], name="imported_here")],
                "constraints": [models.UniqueConstraint(fields=("source", "kind", "there"), name="imported_once")],
            },
        ),
        migrations.CreateModel(
            name="Manifest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("body", models.BinaryField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="RegisteredModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=300)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="owned_models",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("description", models.TextField(blank=True, default="")),
                (
                    "risk_tier",
                    models.CharField(
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")], default="medium", max_length=8
                    ),
                ),
                ("restricted", models.BooleanField(default=False)),
                ("strict_sources", models.BooleanField(default=False)),
                ("protected_aliases", models.JSONField(default=list)),
                ("next_version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "permissions": [("write_registeredmodel", "Can register versions and edit")],
                "indexes": [models.Index(fields=["-updated_at", "name"], name="model_updated")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)), fields=("name",), name="model_name_live"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("root", models.CharField(max_length=300)),
                ("path", models.CharField(max_length=1000)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("parts_wanted", models.PositiveIntegerField()),
                ("done", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="ManifestFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "manifest",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="files", to="registry.manifest"
                    ),
                ),
                ("path", models.CharField(max_length=1000)),
                (
                    "blob",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.blob"
                    ),
                ),
            ],
            options={
                "ordering": ("path",),
                "constraints": [models.UniqueConstraint(fields=("manifest", "path"), name="manifest_path_once")],
            },
        ),
        migrations.CreateModel(
            name="MetricThreshold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="thresholds",
                        to="registry.registeredmodel",
                    ),
                ),
                ("metric", models.CharField(max_length=250)),
                (
                    "comparison",
                    models.CharField(choices=[(">", ">"), (">=", "≥"), ("<", "<"), ("<=", "≤")], max_length=2),
                ),
                ("value", models.FloatField()),
                ("required", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ("metric",),
                "constraints": [
                    models.UniqueConstraint(fields=("model", "metric", "comparison"), name="threshold_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="registry.registeredmodel"
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField(blank=True, default="")),
            ],
            options={
                "ordering": ("key",),
                "constraints": [models.UniqueConstraint(fields=("model", "key"), name="model_tag_once")],
            },
        ),
        migrations.CreateModel(
            name="ModelVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="registry.registeredmodel",
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("semver", models.CharField(blank=True, default="", max_length=64)),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            (registry.stages.Stage["NONE"], registry.stages.Stage["NONE"]),
                            (registry.stages.Stage["STAGING"], registry.stages.Stage["STAGING"]),
                            (registry.stages.Stage["PRODUCTION"], registry.stages.Stage["PRODUCTION"]),
                            (registry.stages.Stage["ARCHIVED"], registry.stages.Stage["ARCHIVED"]),
                        ],
                        default=registry.stages.Stage["NONE"],
                        max_length=10,
                    ),
                ),
                ("status", models.CharField(default="READY", max_length=24)),
                ("status_message", models.CharField(blank=True, default="", max_length=500)),
                ("description", models.TextField(blank=True, default="")),
                ("source", models.CharField(max_length=2000)),
                ("run_id", models.CharField(blank=True, db_index=True, default="", max_length=64)),
                ("run_link", models.CharField(blank=True, default="", max_length=500)),
                ("logged_model_id", models.CharField(blank=True, db_index=True, default="", max_length=64)),
                (
                    "registered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="registered_versions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "run_author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "manifest",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="registry.manifest",
                    ),
                ),
                ("frozen_root", models.CharField(blank=True, db_index=True, default="", max_length=300)),
                ("frozen_path", models.CharField(blank=True, default="", max_length=1000)),
                ("framework", models.CharField(blank=True, default="", max_length=64)),
                ("signature", models.JSONField(default=dict)),
                ("environment", models.JSONField(default=dict)),
                ("evidence", models.BinaryField(default=b"{}")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-updated_at", "model", "-version"], name="version_updated"),
                    models.Index(fields=["model", "-updated_at", "-version"], name="version_model_updated"),
                    models.Index(fields=["model", "stage", "-version"], name="version_stage"),
                    models.Index(fields=["stage", "-updated_at"], name="version_stage_updated"),
                    models.Index(fields=["framework", "-updated_at"], name="version_framework"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("model", "version"), name="version_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("semver", ""), _negated=True),
                        fields=("model", "semver"),
                        name="semver_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RegisteredModelGroupPermission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
                ("group", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.group")),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="registry.registeredmodel"),
                ),
            ],
            options={
                "unique_together": {("group", "permission", "content_object")},
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RegisteredModelUserPermission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="registry.registeredmodel"),
                ),
            ],
            options={
                "unique_together": {("user", "permission", "content_object")},
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("run_id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="registry.experiment"
                    ),
                ),
                ("name", models.CharField(max_length=250)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="runs", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("status", models.CharField(default="RUNNING", max_length=12)),
                ("start_time", models.BigIntegerField()),
                ("end_time", models.BigIntegerField(null=True)),
                (
                    "lifecycle_stage",
                    models.CharField(
                        choices=[("active", "Active"), ("deleted", "Deleted")], default="active", max_length=8
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["experiment", "-start_time"], name="run_newest")],
            },
        ),
        migrations.CreateModel(
            name="StoredFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("root", models.CharField(max_length=300)),
                ("path", models.CharField(max_length=1000)),
                (
                    "blob",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.blob"
                    ),
                ),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("root", "path"), name="stored_path_once")],
            },
        ),
        migrations.CreateModel(
            name="UploadPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="registry.upload"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "blob",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.blob"
                    ),
                ),
            ],
            options={
                "ordering": ("number",),
                "constraints": [models.UniqueConstraint(fields=("upload", "number"), name="upload_part_once")],
            },
        ),
        migrations.CreateModel(
            name="Alias",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="aliases",
                        to="registry.registeredmodel",
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="aliases", to="registry.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
                "constraints": [models.UniqueConstraint(fields=("model", "name"), name="alias_once")],
            },
        ),
        migrations.CreateModel(
            name="Annotation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="annotations",
                        to="registry.modelversion",
                    ),
                ),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="ApprovalRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="registry.registeredmodel",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="requests", to="registry.modelversion"
                    ),
                ),
                ("move_key", models.CharField(max_length=300)),
                ("subject", models.BinaryField()),
                ("subject_digest", models.CharField(db_index=True, max_length=64)),
                (
                    "requester",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="opened_requests",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("reason", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waiting"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                            ("superseded", "Superseded"),
                            ("executed", "Executed"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("approvals_needed", models.PositiveSmallIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "executed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["state", "expires_at"], name="request_due")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["open", "approved"])),
                        fields=("version", "move_key"),
                        name="request_once_per_move",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="registry.modelversion"
                    ),
                ),
                ("kind", models.CharField(max_length=32)),
                ("label", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("version", "kind", "label"), name="hold_once")],
            },
        ),
        migrations.CreateModel(
            name="LoggedModel",
            fields=[
                ("model_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="logged_models",
                        to="registry.experiment",
                    ),
                ),
                ("name", models.CharField(max_length=500)),
                (
                    "source_run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="logged_models",
                        to="registry.run",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("model_type", models.CharField(blank=True, default="", max_length=500)),
                ("status", models.CharField(default="LOGGED_MODEL_PENDING", max_length=32)),
                ("tags", models.JSONField(default=dict)),
                ("params", models.JSONField(default=dict)),
                (
                    "lifecycle_stage",
                    models.CharField(
                        choices=[("active", "Active"), ("deleted", "Deleted")], default="active", max_length=8
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Metric",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="metrics", to="registry.run"
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.FloatField(default=0.0)),
                ("special", models.CharField(blank=True, default="", max_length=9)),
                ("step", models.BigIntegerField(default=0)),
                ("timestamp", models.BigIntegerField()),
                ("logged_model_id", models.CharField(blank=True, db_index=True, default="", max_length=64)),
                ("dataset", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [models.Index(fields=["run", "key", "-step", "-timestamp"], name="metric_latest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "key", "step", "timestamp", "value", "special", "logged_model_id"),
                        name="metric_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Param",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="params", to="registry.run"
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.CharField(blank=True, max_length=6000)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run", "key"), name="param_once")],
            },
        ),
        migrations.CreateModel(
            name="RunInput",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="inputs", to="registry.run"
                    ),
                ),
                ("kind", models.CharField(max_length=8)),
                ("key", models.CharField(max_length=600)),
                ("body", models.JSONField(default=dict)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run", "kind", "key"), name="run_input_once")],
            },
        ),
        migrations.CreateModel(
            name="RunOutput",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="outputs", to="registry.run"
                    ),
                ),
                ("model_id", models.CharField(max_length=64)),
                ("step", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run", "model_id"), name="run_output_once")],
            },
        ),
        migrations.CreateModel(
            name="RunTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="registry.run"
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField(blank=True, default="")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run", "key"), name="run_tag_once")],
            },
        ),
        migrations.CreateModel(
            name="VersionTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="registry.modelversion"
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField(blank=True, default="")),
            ],
            options={
                "ordering": ("key",),
                "indexes": [models.Index(fields=["key", "version"], name="version_tag_key")],
                "constraints": [models.UniqueConstraint(fields=("version", "key"), name="version_tag_once")],
            },
        ),
        migrations.CreateModel(
            name="VersionValue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="values", to="registry.modelversion"
                    ),
                ),
                ("kind", models.CharField(choices=[("param", "Param"), ("metric", "Metric")], max_length=6)),
                ("key", models.CharField(max_length=250)),
                ("number", models.FloatField(null=True)),
                ("text", models.CharField(blank=True, default="", max_length=250)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["kind", "key", "number", "version"], name="version_value_number"),
                    models.Index(fields=["kind", "key", "text", "version"], name="version_value_text"),
                ],
                "constraints": [models.UniqueConstraint(fields=("version", "kind", "key"), name="version_value_once")],
            },
        ),
        migrations.CreateModel(
            name="Check",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checks",
                        to="registry.approvalrequest",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("passed", "Passed"),
                            ("warn", "Warning"),
                            ("failed", "Failed"),
                            ("pending", "Pending"),
                        ],
                        max_length=8,
                    ),
                ),
                ("required", models.BooleanField(default=True)),
                ("expected", models.CharField(blank=True, default="", max_length=200)),
                ("measured", models.CharField(blank=True, default="", max_length=200)),
                ("why", models.CharField(blank=True, default="", max_length=500)),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="registry.approvalrequest",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("edited_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="registry.approvalrequest",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("verdict", models.CharField(choices=[("approve", "Approved"), ("reject", "Rejected")], max_length=8)),
                ("comment", models.TextField()),
                ("subject_digest", models.CharField(max_length=64)),
                ("via", models.CharField(max_length=16)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("at", "id"),
                "constraints": [models.UniqueConstraint(fields=("request", "person"), name="decision_once_per_person")],
            },
        ),
        migrations.CreateModel(
            name="CommentRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "comment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="earlier", to="registry.comment"
                    ),
                ),
                ("body", models.TextField()),
                ("replaced_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("replaced_at", "id"),
            },
        ),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]

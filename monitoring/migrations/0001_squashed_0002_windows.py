"""What was observed."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """As of 0.1, in one step; `replaces` lets a home that took the steps go on."""

    replaces = [("monitoring", "0001_initial"), ("monitoring", "0002_windows")]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.CharField(max_length=40, unique=True)),
                ("body", models.CharField(max_length=2000)),
                ("why", models.CharField(max_length=500)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("request_id", models.CharField(max_length=128)),
                ("revision", models.PositiveSmallIntegerField(default=1)),
                ("value", models.JSONField()),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("by", models.CharField(max_length=150)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("endpoint", "request_id", "revision"), name="label_once_per_revision"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OpenWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("minute", models.PositiveIntegerField()),
                ("touched_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("endpoint", "minute"), name="window_open_once")],
            },
        ),
        migrations.CreateModel(
            name="Prediction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("request_id", models.CharField(max_length=128)),
                ("at", models.DateTimeField()),
                ("routed", models.BooleanField(default=False)),
                ("rollout", models.CharField(blank=True, default="", max_length=64)),
                ("step", models.CharField(blank=True, default="", max_length=64)),
                ("track", models.CharField(blank=True, default="", max_length=8)),
                ("share", models.PositiveIntegerField(default=0)),
                ("unit", models.CharField(blank=True, default="", max_length=64)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("latency_ms", models.FloatField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=1)),
                ("answered", models.BooleanField(default=False)),
                ("model", models.CharField(blank=True, default="", max_length=256)),
                ("version", models.CharField(blank=True, default="", max_length=20)),
                ("digest", models.CharField(blank=True, default="", max_length=64)),
                ("rows", models.PositiveIntegerField(null=True)),
                ("prediction", models.JSONField(null=True)),
                ("counted", models.BooleanField(null=True)),
                ("why_not", models.CharField(blank=True, default="", max_length=40)),
                ("correct", models.BooleanField(null=True)),
                ("labelled_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["endpoint", "at"], name="prediction_at"),
                    models.Index(fields=["rollout", "unit"], name="prediction_unit"),
                ],
                "constraints": [models.UniqueConstraint(fields=("endpoint", "request_id"), name="prediction_once")],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("minute", models.PositiveIntegerField()),
                ("rollout", models.CharField(blank=True, default="", max_length=64)),
                ("version", models.CharField(blank=True, default="", max_length=20)),
                ("track", models.CharField(max_length=8)),
                ("requests", models.PositiveIntegerField(default=0)),
                ("errors", models.PositiveIntegerField(default=0)),
                ("p50_ms", models.FloatField(null=True)),
                ("p95_ms", models.FloatField(null=True)),
                ("p99_ms", models.FloatField(null=True)),
                ("labelled", models.PositiveIntegerField(default=0)),
                ("correct", models.PositiveIntegerField(default=0)),
                ("cpu_s", models.FloatField(null=True)),
                ("memory_mb", models.FloatField(null=True)),
                ("revision", models.PositiveSmallIntegerField(default=1)),
                ("closed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("endpoint", "minute", "track", "version", "rollout"), name="snapshot_once_per_window"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Usage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("rollout", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=20)),
                ("track", models.CharField(max_length=8)),
                ("life", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("cpu_s", models.FloatField()),
                ("memory_mb", models.FloatField()),
            ],
            options={
                "indexes": [models.Index(fields=["endpoint", "at"], name="usage_at")],
            },
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rollout", models.CharField(max_length=64, unique=True)),
                ("endpoint", models.CharField(max_length=63)),
                ("rules", models.JSONField()),
                ("tally", models.JSONField()),
                ("step", models.CharField(blank=True, default="", max_length=64)),
                ("last_entry", models.CharField(blank=True, default="", max_length=40)),
                ("began_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
    ]

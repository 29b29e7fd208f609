import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def open_hours(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    """Open each hour that has snapshots already; the next closing tells of it."""
    snapshots = apps.get_model("monitoring", "Snapshot").objects.using(schema.connection.alias)
    kind = apps.get_model("monitoring", "OpenHour")
    found = snapshots.order_by().values_list("endpoint", F("minute") / 60).distinct()
    rows = [kind(endpoint=endpoint, hour=hour) for endpoint, hour in found]
    kind.objects.using(schema.connection.alias).bulk_create(rows, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0002_watches_plural"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("hour", models.PositiveIntegerField()),
                ("track", models.CharField(max_length=8)),
                ("version", models.CharField(blank=True, default="", max_length=20)),
                ("metric", models.CharField(max_length=16)),
                ("low", models.FloatField()),
                ("high", models.FloatField()),
                ("total", models.FloatField(null=True)),
                ("of", models.FloatField(null=True)),
            ],
            options={
                "verbose_name_plural": "hours",
                "constraints": [
                    models.UniqueConstraint(fields=("endpoint", "metric", "hour", "track", "version"), name="hour_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="OpenHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint", models.CharField(max_length=63)),
                ("hour", models.PositiveIntegerField()),
                ("touched_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("endpoint", "hour"), name="hour_open_once")],
            },
        ),
        migrations.RunPython(open_hours, migrations.RunPython.noop),
    ]

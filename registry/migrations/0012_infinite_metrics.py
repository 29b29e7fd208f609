import sys

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

LARGEST = sys.float_info.max


def order(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Put infinities where they lie among numbers; they were kept as 0."""
    metrics = apps.get_model("registry", "Metric").objects
    metrics.filter(special="Infinity").update(value=LARGEST)
    metrics.filter(special="-Infinity").update(value=-LARGEST)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0010_dataset_context"),
    ]

    operations = [
        migrations.RunPython(order, migrations.RunPython.noop),
    ]

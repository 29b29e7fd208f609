from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from registry.measurements import context_of


def fill(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Read what each data set was for from what the client said of it."""
    inputs = apps.get_model("registry", "RunInput").objects
    for row in inputs.filter(kind="dataset").iterator():
        if context := context_of(row.body):
            inputs.filter(pk=row.pk).update(context=context)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_version_location"),
    ]

    operations = [
        migrations.AddField(
            model_name="runinput",
            name="context",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]

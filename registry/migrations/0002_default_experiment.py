"""Experiment 0, `Default`, which MLflow's clients expect to find."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create it once."""
    del schema_editor
    apps.get_model("registry", "Experiment").objects.get_or_create(pk=0, defaults={"name": "Default"})


class Migration(migrations.Migration):
    """One row."""

    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]

"""The two environments."""

from django.db import migrations
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
    """Rows."""

    dependencies = [("deployments", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]

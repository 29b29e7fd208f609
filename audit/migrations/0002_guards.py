"""Make the ledger append-only."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from audit.triggers import statements


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Install the guards of this database."""
    del apps
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Triggers; there is no way back."""

    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]

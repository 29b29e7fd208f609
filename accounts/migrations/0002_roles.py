"""The six roles, as groups."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

ROLES = ("data-scientist", "ml-engineer", "ops", "reviewer", "auditor", "admin")


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create each group once."""
    del schema_editor
    for role in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=role)


class Migration(migrations.Migration):
    """Groups."""

    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]

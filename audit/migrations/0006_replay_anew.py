from django.db import migrations

FORGET = ["DELETE FROM audit_replayedfact", "DELETE FROM audit_replayposition"]


class Migration(migrations.Migration):
    """Replays the ledger anew: rows that an admin once let stand are no longer what it says."""

    dependencies = [("audit", "0005_verification")]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]

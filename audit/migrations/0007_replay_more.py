from django.db import migrations

FORGET = ["DELETE FROM audit_replayedfact", "DELETE FROM audit_replayposition"]


class Migration(migrations.Migration):
    """Replays the ledger anew: it tells of more than before."""

    dependencies = [("audit", "0006_replay_anew")]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]

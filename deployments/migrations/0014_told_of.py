from django.db import migrations

FORGET = ["DELETE FROM audit_replayedfact", "DELETE FROM audit_replayposition"]


class Migration(migrations.Migration):
    """Need of approval follows from an environment's name. The ledger is replayed anew: it tells of more than before."""

    dependencies = [("deployments", "0013_sightings"), ("audit", "0007_replay_more")]

    operations = [
        migrations.RemoveField(model_name="environment", name="needs_approval"),
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    ]

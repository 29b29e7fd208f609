"""The sealer: numbers events without a gap, signs the tree over them, has it copied outside the database."""

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from audit import copies, notes
from audit.merkle import Frontier
from audit.models import Checkpoint, Seal
from audit.notes import ORIGIN
from core import clock

BATCH = 5_000
SEALER_LOCK = 0x5163_0FF1
# One statement, so one snapshot: a row seen in it that has a number from its xmax on was written under another server's
# counter and came with a restore. Such a number says nothing about what is running here.
XMAX = "(SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"
# Numbers are dealt over all databases of a server, and what runs in another writes no event here. Who held a number of
# the snapshot is looked up after it was taken: whoever still holds it has held it all along, so it cannot be mistaken.
# One whose holder is gone by then counts as running; the next round takes it.
ELSEWHERE = """(SELECT transactionid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted AND datname <> current_database())"""
RUNNING = f"""(SELECT coalesce(min(xact::text::bigint), {XMAX}) FROM pg_snapshot_xip(pg_current_snapshot()) AS xact
    WHERE xact::xid NOT IN {ELSEWHERE})"""  # noqa: S608 - the constant above
FINISHED = f"xact >= %(from)s AND (xact < {RUNNING} OR xact >= {XMAX})"
SEAL = f"""
    INSERT INTO audit_seal (seq, event_id, leaf)
    SELECT %(start)s + row_number() OVER (ORDER BY restored DESC, xact, id) - 1, id, leaf FROM (
        SELECT id, leaf, xact, xact >= {XMAX} AS restored FROM audit_event
        WHERE {FINISHED} AND NOT EXISTS (SELECT FROM audit_seal WHERE event_id = audit_event.id)
        ORDER BY restored DESC, xact, id LIMIT %(batch)s
    ) AS waiting
"""  # noqa: S608 - the constants above


def seal_pending() -> int:
    """Seal events of finished transactions, in the order of transaction and id; return how many.

    PostgreSQL only (SQLite seals as it writes). Safe with several sealers: an advisory lock lets one through.
    Only transactions older than every one running in this database are taken, so a late commit never lands behind a
    sealed row.
    """
    if connection.vendor != "postgresql":
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEALER_LOCK])
        last = Seal.objects.order_by("-seq").values_list("seq", "event__xact").first()
        start, sealed_xact = (last[0] + 1, last[1]) if last else (0, 0)
        cursor.execute(f"SELECT {XMAX}")
        restored = sealed_xact >= cursor.fetchone()[0]
        cursor.execute(SEAL, {"start": start, "from": 0 if restored else sealed_xact, "batch": BATCH})
        return int(cursor.rowcount)


def signer() -> notes.Signer:
    """Return the key that signs this home's checkpoints."""
    return notes.kept_signer(settings.HOME / "keys", ORIGIN)


def altered_key() -> str:
    """Return why the home's ledger.pub, which people keep and hand on, is not the key that signs; empty where it is."""
    key, path = signer().verifier_key, settings.HOME / "keys" / "ledger.pub"
    same = path.read_text(encoding="utf-8", errors="replace").strip() == key
    return "" if same else f"{path} is not the key that signs: nobody should keep or hand it on"


def checkpoint() -> Checkpoint | None:
    """Sign the tree as far as it is sealed; return the new checkpoint, or None where nothing is new.

    Safe with several sealers: the size is the primary key, so one wins.
    """
    latest = Checkpoint.objects.order_by("-size").first()
    frontier = Frontier.load(latest.size, bytes(latest.frontier)) if latest else Frontier()
    for leaf in Seal.objects.filter(seq__gte=frontier.size).order_by("seq").values_list("leaf", flat=True).iterator():
        frontier.append(bytes(leaf))
    if (latest and frontier.size == latest.size) or not frontier.size:
        return None
    note = signer().sign(notes.checkpoint_text(ORIGIN, frontier.size, frontier.root()))
    row = Checkpoint(size=frontier.size, root=frontier.root(), frontier=frontier.dump(), note=note, at=clock.now())
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row


def seal() -> None:
    """Seal what waits, sign it and copy it outside: what the tick calls."""
    while seal_pending() == BATCH:
        pass
    checkpoint()
    copies.catch_up()


def latest_note() -> str:
    """Return the newest checkpoint's note, or an empty string before the first."""
    row = Checkpoint.objects.order_by("-size").first()
    return row.note if row else ""

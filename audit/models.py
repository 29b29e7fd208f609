"""Rows of the ledger. All of them but `Denial` are insert-only by trigger; see migration 0002."""

from django.db import models


class Event(models.Model):
    """One thing that happened. `body` is what is sealed; the other columns repeat parts of it for look-ups."""

    id = models.BigAutoField(primary_key=True)
    body = models.BinaryField()
    leaf = models.BinaryField(max_length=32)
    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150)
    object_kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=400)
    model_uuid = models.UUIDField(null=True)
    xact = models.BigIntegerField(default=0)

    class Meta:
        """Each look-up of the audit page has an index that ends in the order shown."""

        indexes = [
            models.Index(fields=["xact", "id"], name="event_xact"),
            models.Index(fields=["model_uuid", "id"], name="event_model"),
            models.Index(fields=["actor_name", "id"], name="event_actor"),
            models.Index(fields=["action", "id"], name="event_action"),
            models.Index(fields=["object_kind", "object_id", "id"], name="event_object"),
            models.Index(fields=["outcome", "id"], name="event_outcome"),
            models.Index(fields=["at"], name="event_at"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_label}"


class Seal(models.Model):
    """Gives an event its place: `seq` counts from 0 without a gap and is the leaf's index in the tree."""

    seq = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, db_constraint=False, related_name="seal")
    leaf = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"#{self.seq}"


class Checkpoint(models.Model):
    """A signed statement: the first `size` leaves have Merkle root `root`. `note` is the C2SP signed note."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField()
    note = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"


class OutsideCopy(models.Model):
    """How far the checkpoints were copied outside the database: the size of the newest that was, and since when.

    `why` says what hindered the last try. One row.
    """

    size = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, blank=True, default="")

    def __str__(self) -> str:
        return f"outside copy of {self.size}"


class Denial(models.Model):
    """Refusals of one minute, summed, so that nobody can grow the ledger for ever. Removed once written to it."""

    minute = models.DateTimeField()
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=64)
    object_key = models.CharField(max_length=200)
    count = models.PositiveIntegerField(default=1)
    facts = models.JSONField(default=dict)

    class Meta:
        """One row per actor, action, object and minute."""

        constraints = [
            models.UniqueConstraint(
                fields=["minute", "actor_name", "action", "object_key"], name="denial_once_a_minute"
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.action} by {self.actor_name}"


class ReplayedFact(models.Model):
    """What the ledger says of one thing, by the last event that spoke of it. `value` is None for what is gone."""

    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=500)
    value = models.TextField(null=True)  # noqa: DJ001 - no row is not an empty one
    event_id = models.BigIntegerField()

    class Meta:
        """One word on each thing."""

        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="replayed_fact_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.value}"


class ReplayPosition(models.Model):
    """How far the sealed events were replayed: the sequence number that comes next. One row."""

    seq = models.BigIntegerField(default=0)
    caught_up_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"replayed before #{self.seq}"


class Mismatch(models.Model):
    """A row that is not what the ledger says, until an admin settles it. `said` and `found` are None for no row."""

    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=500)
    label = models.CharField(max_length=400)
    model_uuid = models.UUIDField(null=True)
    said = models.TextField(null=True)  # noqa: DJ001 - no row is not an empty one
    found = models.TextField(null=True)  # noqa: DJ001 - no row is not an empty one
    event_id = models.BigIntegerField(null=True)
    found_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=150, blank=True, default="")
    reason = models.TextField(blank=True, default="")

    class Meta:
        """One open mismatch of a thing."""

        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=models.Q(settled_at=None), name="mismatch_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.label


class Verification(models.Model):
    """One check of the whole ledger that somebody asked for: how far it is, and what it found."""

    class State(models.TextChoices):
        """Where it stands."""

        RUNNING = "running", "Running"
        OK = "ok", "Whole"
        BROKEN = "broken", "Broken"

    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    asked_by = models.CharField(max_length=150)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()  # when it last said that it goes on
    ended_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)
    checked = models.BigIntegerField(default=0)
    root = models.CharField(max_length=64, blank=True, default="")
    copies = models.BigIntegerField(default=0)
    first_bad = models.BigIntegerField(null=True)
    why = models.CharField(max_length=1000, blank=True, default="")

    def __str__(self) -> str:
        return f"verification by {self.asked_by}"

"""What was copied from another server, so that a second import knows it again."""

from django.db import models
from django.utils import timezone


class Imported(models.Model):
    """One thing of the server `source`: its id there and here, and what it said when it was copied.

    `done` is false while its parts (metrics, files) are still coming; an import that was cut off goes on there.
    """

    source = models.CharField(max_length=300)
    kind = models.CharField(max_length=20)
    there = models.CharField(max_length=400)
    here = models.CharField(max_length=100)
    facts = models.JSONField(default=dict)
    done = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """A thing is copied once."""

        constraints = [models.UniqueConstraint(fields=["source", "kind", "there"], name="imported_once")]
        indexes = [models.Index(fields=["kind", "here"], name="imported_here")]

    def __str__(self) -> str:
        return f"{self.kind} {self.there}"

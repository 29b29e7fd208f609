"""Rows that belong to no app."""

from django.db import models


class Slot(models.Model):
    """One turn of scheduled work, taken. Unique, so that a second scheduler finds it taken."""

    name = models.CharField(max_length=80)
    number = models.PositiveBigIntegerField()

    class Meta:
        """One row a turn."""

        constraints = [models.UniqueConstraint(fields=["name", "number"], name="slot_taken_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"

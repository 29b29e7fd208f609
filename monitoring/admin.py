"""Admin pages of monitoring: what could not be read from the evidence stream, and what is judged."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from monitoring.models import DeadLetter, Watch


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Entries of the stream that are not what they should be, newest first, with the reason."""

    list_display = ("entry", "why", "endpoint", "replica", "lines", "at")
    search_fields = ("why", "endpoint", "replica")
    ordering = ("-pk",)


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    """Rollouts that are or were judged, with their rules and tallies."""

    list_display = ("rollout", "endpoint", "step", "last_entry", "began_at", "ended_at")
    search_fields = ("endpoint", "rollout")
    ordering = ("-pk",)

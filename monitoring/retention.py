"""Forgets what was observed long ago: single predictions, their labels, features by the hour. Snapshots stay."""

from datetime import datetime, timedelta

from django.conf import settings

from core import clock
from monitoring.models import Copy, FeatureHour, FeatureSample, Label, LabelFile, Outcome, Prediction, UnitNumber

MOST = 20_000  # rows of a kind and call
UNCOUNTED = timedelta(days=7)  # values that cannot be counted, or wait for a reference that does not come
HOURS = timedelta(days=90)  # of features and outcomes: what their days said stays
HOUR_S = 3_600


def kept_since() -> datetime:
    """Return the moment from which on every prediction is still there."""
    return clock.now() - timedelta(days=settings.PREDICTIONS_DAYS)


def forget() -> int:
    """Delete predictions, copies and labels that are older than they are kept, oldest first; return how many went."""
    since = kept_since()
    predictions = Prediction.objects.order_by("pk").values_list("pk", "at")[:MOST]
    labels = Label.objects.order_by("pk").values_list("pk", "received_at")[:MOST]
    gone, _ = Prediction.objects.filter(pk__in=[pk for pk, at in predictions if at < since]).delete()
    copied = Copy.objects.order_by("pk").values_list("pk", "at")[:MOST]
    copies, _ = Copy.objects.filter(pk__in=[pk for pk, at in copied if at < since]).delete()
    waiting, _ = FeatureSample.objects.filter(at__lt=clock.now() - UNCOUNTED).delete()
    Outcome.objects.filter(hours=1, hour__lt=(clock.now() - HOURS).timestamp() // HOUR_S).delete()
    old = FeatureHour.objects.filter(hour__lt=(clock.now() - HOURS).timestamp() // HOUR_S).values_list("pk", flat=True)
    counted, _ = FeatureHour.objects.filter(pk__in=list(old[:MOST])).delete()
    told, _ = Label.objects.filter(pk__in=[pk for pk, at in labels if at < since]).delete()
    files, _ = LabelFile.objects.filter(at__lt=since).delete()
    of_units = UnitNumber.objects.order_by("pk").values_list("pk", "received_at")[:MOST]
    numbers, _ = UnitNumber.objects.filter(pk__in=[pk for pk, at in of_units if at < since]).delete()
    return gone + told + copies + waiting + counted + files + numbers

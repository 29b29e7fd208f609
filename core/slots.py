"""Turns of scheduled work: each is taken by one process, however many schedulers call."""

from django.db import IntegrityError, transaction

from core import clock
from core.models import Slot


def take(name: str, every_s: float) -> bool:
    """Return whether the present turn of `name` is ours; every later caller within `every_s` gets False."""
    number = int(clock.now().timestamp() // every_s)
    try:
        with transaction.atomic():
            Slot.objects.create(name=name, number=number)
    except IntegrityError:
        return False
    Slot.objects.filter(name=name, number__lt=number).delete()
    return True

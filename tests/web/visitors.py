"""People at their browsers, signed in."""

from django.test import Client

from accounts.actors import Actor
from accounts.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"


def browser(actor: Actor) -> Client:
    """Return a browser in which the person is signed in, as the database has her now."""
    client = Client()
    client.force_login(User.objects.get(pk=actor.person.pk), backend=BACKEND)
    return client

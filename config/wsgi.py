"""The WSGI application that each web worker loads."""

import os

from django.core.wsgi import get_wsgi_application

from config import lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
lifeline.hold()
application = get_wsgi_application()

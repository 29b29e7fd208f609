"""Settings of the tests: the product's own, on a scratch home, on SQLite or (TEST_DATABASE=postgresql) PostgreSQL."""

import os
import tempfile
from pathlib import Path

SCRATCH = Path(os.environ.setdefault("TEST_SCRATCH", tempfile.mkdtemp(prefix="signoff-test-")))
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
for name in [name for name in os.environ if name.startswith("SIGNOFF_")]:
    del os.environ[name]
os.environ["SIGNOFF_HOME"] = str(SCRATCH / WORKER / "home")
os.environ["SIGNOFF_LOG_LEVEL"] = "error"
os.environ["SIGNOFF_GALLERY"] = "on"
os.environ["SIGNOFF_WEBHOOK_ALLOW_PRIVATE"] = "on"  # receivers stand on loopback
os.environ["SIGNOFF_WEBHOOK_ALLOWED_SCHEMES"] = "https,http"

from config import databases  # noqa: E402
from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

POSTGRESQL = os.environ.get("TEST_DATABASE") == "postgresql"
if POSTGRESQL:
    DATABASES["default"] = {
        "ENGINE": "core.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": os.environ.get("TEST_POSTGRESQL_SOCKET", ""),
        "OPTIONS": databases.options(),
        "TEST": {"NAME": f"signoff_{WORKER}"},
    }
    DATABASES["telemetry"] = {
        **DATABASES["default"],
        "OPTIONS": databases.options("-c search_path=telemetry"),
        "TEST": {"NAME": f"signoff_{WORKER}_telemetry"},
    }
else:
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / WORKER / "template.sqlite3")}
    DATABASES["telemetry"]["TEST"] = {"NAME": str(SCRATCH / WORKER / "telemetry.sqlite3")}

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

"""Django's settings, from the environment by way of `config.env`."""

import os
import sys
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import databases, env, keys, logs, self_signed
from serving.contract import Layout

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    ENV = env.read_all()
except env.BadSetting as why:
    raise ImproperlyConfigured(str(why)) from why

HOME = cast("Path", ENV["home"])
DEBUG = False
SECRET_KEY = cast("str", ENV["secret_key"]) or keys.kept_secret(HOME / "keys" / "session.key")
PUBLIC_URL = cast("str", ENV["public_url"])
PUBLIC_HOSTS = cast("list[str]", ENV["allowed_hosts"])
if PUBLIC_URL:
    PUBLIC_HOSTS.append(urlsplit(PUBLIC_URL).netloc.rsplit(":", 1)[0])
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *PUBLIC_HOSTS]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

APPROVALS = cast("bool", ENV["approvals"])
REQUEST_TTL_DAYS = cast("int", ENV["request_ttl_days"])
TOKEN_TTL_DAYS = cast("int", ENV["token_ttl_days"])
PREDICTIONS_DAYS = cast("int", ENV["predictions_days"])
CORE_HOUR_PRICE = cast("float", ENV["core_hour_price"])
DELIVERIES_DAYS = cast("int", ENV["deliveries_days"])
WEBHOOK_ALLOWED_SCHEMES = cast("list[str]", ENV["webhook_allowed_schemes"])
MAIL_FROM = cast("str", ENV["mail_from"]) if ENV["mail_url"] else ""
_MAIL = urlsplit(cast("str", ENV["mail_url"]))
EMAIL_HOST, EMAIL_PORT = _MAIL.hostname or "", _MAIL.port or (465 if _MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
EMAIL_USE_SSL = _MAIL.scheme == "smtps"
EMAIL_USE_TLS = _MAIL.scheme == "smtp" and _MAIL.query != "plain"
WEBHOOK_ALLOW_PRIVATE = cast("bool", ENV["webhook_allow_private"])
CHECKPOINT_FILE = Path(cast("str", ENV["checkpoint_file"]) or HOME / "checkpoints.txt")
MAX_UPLOAD_BYTES = cast("int", ENV["max_upload_mb"]) * 1024 * 1024
ARTIFACTS_URL = cast("str", ENV["artifacts_url"])
GALLERY = cast("bool", ENV["gallery"])
DEMO_RUN = cast("str", ENV["demo_run"])

INSTALLED_APPS = [
    "config",  # first: its commands take the place of those that write past the ledger
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "guardian",
    "axes",
    "core",
    "audit",
    "accounts",
    "registry",
    "monitoring",
    "deployments",
    "registry.webhooks",
    "web",
]

MIDDLEWARE = [
    "web.middleware.RequestContext",
    "web.middleware.Compression",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "web.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "web.middleware.SignedIn",
    "web.middleware.Refusals",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.pages.shell.shell",
            ],
            "builtins": ["web.templatetags.signoff"],
        },
    }
]

OWNERS_COMMANDS = {"migrate", "grant_app_role"}
AS_OWNER = bool(ENV["migrate_database_url"]) and not OWNERS_COMMANDS.isdisjoint(sys.argv[1:2])
DATABASE_URL = cast("str", ENV["migrate_database_url" if AS_OWNER else "database_url"])
DATABASES = {
    "default": databases.chosen(DATABASE_URL, HOME),
    "telemetry": databases.telemetry(DATABASE_URL, HOME),
}
DATABASE_ROUTERS = ["config.databases.Router"]
if not DATABASE_URL:
    HOME.mkdir(parents=True, exist_ok=True, mode=0o700)  # the database is in it
REDIS_URL = cast("str", ENV["redis_url"]) or f"unix://{Layout(HOME).broker_socket}"
OWN_BROKER = not ENV["redis_url"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "web.pages.sign_in.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "signoff_session"
CSRF_COOKIE_NAME = "signoff_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "web.pages.errors.csrf_failed"
TLS_SELF_SIGNED = ENV["tls_cert"] == self_signed.WORD
TLS_CERT = str(HOME / "keys" / "tls.crt") if TLS_SELF_SIGNED else cast("str", ENV["tls_cert"])
TLS_KEY = str(HOME / "keys" / "tls.key") if TLS_SELF_SIGNED else cast("str", ENV["tls_key"])
TLS_CLIENT_CA = cast("str", ENV["tls_client_ca"])
ENVOY = cast("str", ENV["envoy"])
KUBERNETES_CONFIG = cast("str", ENV["kubernetes_config"])
KUBERNETES_NAMESPACE = cast("str", ENV["kubernetes_namespace"])
KUBERNETES_IMAGE = cast("str", ENV["kubernetes_image"])
KUBERNETES_GATEWAY = cast("str", ENV["kubernetes_gateway"])
KUBERNETES_ADDRESS = cast("str", ENV["kubernetes_address"])
TLS_PROXY = cast("bool", ENV["tls_proxy"])
SECURE = TLS_PROXY or bool(TLS_CERT)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
# A browser that was told HSTS lets nobody past a certificate that it does not know.
SECURE_HSTS_SECONDS = 31_536_000 if SECURE and not TLS_SELF_SIGNED else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TLS_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MAX_AGE = 3600
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # nothing asks for the others; packing them would double a first start's work

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["web.rest.authentication.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["web.rest.authentication.HasRole", "web.rest.parameters.KnownParameters"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["web.rest.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "web.rest.openapi.RefusingSchema",
    "EXCEPTION_HANDLER": "web.errors.rest_exception",
    "DEFAULT_PAGINATION_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Signoff",
    "DESCRIPTION": "Models, approval requests, decisions, endpoints, rollouts and the ledger.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "RequestState": "registry.models.approvals.RequestState",
        "DeliveryState": "registry.webhooks.models.DeliveryState",
        "RolloutState": "deployments.states.RolloutState",
        "BatchState": "deployments.states.BatchState",
        "FileKind": "deployments.models.BatchJob.Kind",
    },
}

LOG_LEVEL = cast("str", ENV["log_level"])
LOG_FORMAT = cast("str", ENV["log_format"])
LOGGING = logs.configuration(LOG_LEVEL, LOG_FORMAT)
logs.configure()
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # TLS is ended by us or by the proxy; a redirect from http would hide a wrong address
    "security.W021",  # preloading HSTS is the domain owner's choice
]
os.environ.setdefault("PGAPPNAME", "signoff")

"""Django's settings. Every PARWEB_* variable is read here, once, in the block below.

`docs/settings.md` tells each of them with its default.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from parweb.datadir import prepare, signing_key
from parweb.timezone import is_zone, machine_zone

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _whole_number(name: str, default: int) -> int:
    try:
        return int(env.str(name, default="") or default)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from error


# --- What can be set from outside ----------------------------------------------------------------
PARWEB_DATA = Path(env.str("PARWEB_DATA", default=str(BASE_DIR / "data"))).expanduser().absolute()
PARWEB_HOST: str = env.str("PARWEB_HOST", default="127.0.0.1")
PARWEB_PORT: int = _whole_number("PARWEB_PORT", 8000)
PARWEB_ORIGIN: str = env.str("PARWEB_ORIGIN", default="").rstrip("/")
PARWEB_ALLOWED_HOSTS: list[str] = env.list("PARWEB_ALLOWED_HOSTS", default=[])
PARWEB_PRIVATE_HOSTS: list[str] = env.list("PARWEB_PRIVATE_HOSTS", default=[])
PARWEB_RUNS_PER_PROCESS: int = _whole_number("PARWEB_RUNS_PER_PROCESS", 20)
PARWEB_WORKERS: int = _whole_number("PARWEB_WORKERS", 1)
PARWEB_REDIS_URL: str = env.str("PARWEB_REDIS_URL", default="")
PARWEB_DB_POOL: int = _whole_number("PARWEB_DB_POOL", 16)
PARWEB_TIME_ZONE: str = env.str("PARWEB_TIME_ZONE", default="") or machine_zone()
PARWEB_LOG_LEVEL: str = env.str("PARWEB_LOG_LEVEL", default="INFO").upper()
PARWEB_SECRET_KEY: str = env.str("PARWEB_SECRET_KEY", default="")
DEBUG: bool = env.bool("PARWEB_DEBUG", default=False)
DATABASE_URL: str = env.str("DATABASE_URL", default="")
# -------------------------------------------------------------------------------------------------

if not is_zone(PARWEB_TIME_ZONE):
    raise ImproperlyConfigured("PARWEB_TIME_ZONE must name a zone, such as Europe/Zurich.")

prepare(PARWEB_DATA)
PARWEB_KEY_FILE = PARWEB_DATA / "secret.key"
IS_CLUSTER = bool(PARWEB_REDIS_URL)
SECRET_KEY = PARWEB_SECRET_KEY or signing_key(PARWEB_DATA)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "csp",
    "runs",
    "parweb",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "parweb.static.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "parweb.urls"
ASGI_APPLICATION = "parweb.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
USE_TZ = True
TIME_ZONE = PARWEB_TIME_ZONE
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Storage -------------------------------------------------------------------------------------
SQLITE_OPTIONS: dict[str, Any] = {
    # IMMEDIATE waits for the one writer; a deferred transaction fails at once under contention.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "cached_statements": 256,  # the writer has one a table and number of rows
    # A checkpoint keeps the writer waiting: after each 32 MB, not after each 4.
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA wal_autocheckpoint=8000;"
    ),
}

POSTGRES_OPTIONS: dict[str, Any] = {
    # Nobody waits for a database whose machine is gone.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}


def _database() -> dict[str, Any]:
    if not DATABASE_URL:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": PARWEB_DATA / "parweb.sqlite3",
            "OPTIONS": SQLITE_OPTIONS,
        }
    database: dict[str, Any] = environ.Env.db_url_config(DATABASE_URL)
    options: dict[str, Any] = database.get("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = options | SQLITE_OPTIONS
    else:
        pool = {"min_size": 1, "max_size": PARWEB_DB_POOL, "timeout": 20}
        database["OPTIONS"] = POSTGRES_OPTIONS | options | {"pool": pool}
        database["CONN_MAX_AGE"] = 0  # the pool keeps connections, not the threads
        database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}

STATIC_URL = "/static/"
STATIC_ROOT = PARWEB_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "parweb.static.HashedFiles"},
}
# A paste of 10 MB must reach its form to be told what is allowed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

# --- Doorbells: the broker and the channel layer -------------------------------------------------
if IS_CLUSTER:
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [PARWEB_REDIS_URL]},
        }
    }
    CELERY_BROKER_URL = PARWEB_REDIS_URL
    # A frozen Redis may cost a page a moment, never hang it.
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "runs.live.layers.InProcessChannelLayer"}}
    CELERY_BROKER_URL = "memory://localhost/"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.01}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker never gives up: its sweep finds the runs
CELERY_TASK_DEFAULT_QUEUE = "parweb"
CELERY_TASK_IGNORE_RESULT = True
# The sweeper finds what a lost message would have told, so sending is tried once.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

# --- Who may do what -----------------------------------------------------------------------------
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator",
                 "CommonPasswordValidator")
]  # fmt: skip
SESSION_COOKIE_NAME = "parweb_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
EVERY_ADDRESS = {"0.0.0.0", "::", ""}  # noqa: S104 listening is asked for; the name is not a host
ALLOWED_HOSTS = [
    *LOOPBACK_HOSTS,
    *({PARWEB_HOST} - EVERY_ADDRESS - set(LOOPBACK_HOSTS)),
    *PARWEB_ALLOWED_HOSTS,
]
if PARWEB_ORIGIN:
    ALLOWED_HOSTS.append(urlsplit(PARWEB_ORIGIN).hostname or "")
    CSRF_TRUSTED_ORIGINS = [PARWEB_ORIGIN]

SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PARWEB_ORIGIN.startswith("https://"):  # behind a proxy that ends TLS
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # Sibling and parent domains are not parweb's to speak for.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # Widths of bars and positions on the timeline are style attributes.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Logs ----------------------------------------------------------------------------------------
DEFAULT_EXCEPTION_REPORTER_FILTER = "parweb.debugpages.WithoutKeys"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "runs": {"level": PARWEB_LOG_LEVEL},
        "parweb": {"level": PARWEB_LOG_LEVEL},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Its 4xx warnings carry the whole path, a sign-in link's secret included.
        "django.request": {"level": "ERROR"},
    },
}

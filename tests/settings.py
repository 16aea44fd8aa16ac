"""The product's settings on a data directory of the tests' own, with cheap passwords."""

import atexit
import os
import shutil
import tempfile

_data = tempfile.mkdtemp(prefix="parweb-tests-")
atexit.register(shutil.rmtree, _data, ignore_errors=True)
os.environ["PARWEB_DATA"] = _data
for _name in ("PARWEB_ORIGIN", "PARWEB_ALLOWED_HOSTS", "PARWEB_PRIVATE_HOSTS", "PARWEB_DEBUG"):
    os.environ.pop(_name, None)

from parweb.settings import *  # noqa: E402, F403
from parweb.settings import DATABASES, PARWEB_DATA, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True  # no collected files: found where they are written
WHITENOISE_USE_FINDERS = True
# A file, not memory: the engine's writer and the pages have connections of their own.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": PARWEB_DATA / "test.sqlite3"}

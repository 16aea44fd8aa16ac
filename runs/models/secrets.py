"""Text encrypted at rest: one small field over Fernet, its key file outside the database."""

import os
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models


@lru_cache(maxsize=4)
def _fernet(path: str) -> Fernet:
    file = Path(path)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(Fernet.generate_key())
    return Fernet(file.read_bytes())


class SecretTextField(models.TextField):
    """Plain text in Python, ciphertext in the database. Text that cannot be read back is empty."""

    def get_prep_value(self, value: str | None) -> str:
        if not value:
            return ""
        return _fernet(str(settings.PARWEB_KEY_FILE)).encrypt(value.encode()).decode()

    def from_db_value(self, value: str, expression: object, connection: object) -> str:
        if not value:
            return ""
        try:
            return _fernet(str(settings.PARWEB_KEY_FILE)).decrypt(value.encode()).decode()
        except InvalidToken:
            return ""

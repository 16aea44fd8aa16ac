"""`manage.py signin`: a new one-time link, for whoever lost the first one."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from runs.management.datalock import serving_url
from runs.management.first_start import ensure_first_user, migrate, sign_in_url

USAGE = 2


class Command(BaseCommand):
    help = "Print a link that signs a user in once, within the next hour."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "username", nargs="?", help="whom to sign in (default: the first administrator)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        address = settings.PARWEB_ORIGIN or serving_url(settings.PARWEB_DATA)
        if not address:
            address = f"http://127.0.0.1:{settings.PARWEB_PORT}"
            self.stderr.write("parweb is not running now. The link works once it is.")
        self.stdout.write(sign_in_url(_user(options["username"]), address))


def _user(username: str | None) -> User:
    if not username:
        return ensure_first_user()
    try:
        return User.objects.get(username=username, is_active=True)
    except User.DoesNotExist:
        raise CommandError(
            f"There is no user {username}. Make one with: manage.py adduser {username}",
            returncode=USAGE,
        ) from None

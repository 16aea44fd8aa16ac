"""`manage.py adduser`: a further user, who sees nothing of the others'."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from runs.management.datalock import serving_url
from runs.management.first_start import migrate, sign_in_url
from runs.services.examples import seed

USAGE = 2


class Command(BaseCommand):
    help = (
        "Add a user and print a one-time sign-in link for them. Users see only their own "
        "configurations, templates, data sets, providers and runs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="letters, digits and @ . + - _")
        parser.add_argument(
            "--admin", action="store_true", help="may add providers with addresses of their own"
        )
        parser.add_argument(
            "--no-examples", action="store_true", help="start without the worked examples"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        user = _add(options["username"], is_admin=options["admin"])
        if not options["no_examples"]:
            seed(user)
        address = (
            settings.PARWEB_ORIGIN
            or serving_url(settings.PARWEB_DATA)
            or f"http://127.0.0.1:{settings.PARWEB_PORT}"
        )
        self.stdout.write(sign_in_url(user, address))


@transaction.atomic
def _add(username: str, *, is_admin: bool) -> User:
    user = User(username=username, is_staff=is_admin, is_superuser=is_admin)
    user.set_unusable_password()
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise CommandError(" ".join(error.messages), returncode=USAGE) from error
    user.save()
    return user

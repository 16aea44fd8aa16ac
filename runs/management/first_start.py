"""What a start finds undone: tables, the first user, the worked examples, a way in."""

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from runs.services.access import create_sign_in_link
from runs.services.examples import seed

FIRST_USER = "admin"


def migrate() -> None:
    """Bring the tables up to date; costs little when they are."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def ensure_first_user() -> User:
    """The user a start's link signs in: the first administrator, made when there is nobody."""
    found = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if found:
        return found
    user = User.objects.create_superuser(FIRST_USER)
    user.set_unusable_password()
    user.save()
    seed(user)
    return user


def sign_in_url(user: User, address: str) -> str:
    """A fresh one-time link; `address` is where the pages answer, without a closing slash."""
    return address + reverse("sign_in_link", args=[create_sign_in_link(user)])

"""Signing in by a one-time link and by password. Keeps only the hash of a link's secret."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, User
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from runs.models import SignInToken

LINK_LIVES = timedelta(hours=1)
MOST_GUESSES = 10
GUESSES_LAPSE_S = 300


def create_sign_in_link(user: AbstractBaseUser) -> str:
    """The secret of a link that signs `user` in once, within the next hour."""
    SignInToken.objects.filter(expires_at__lt=timezone.now()).delete()
    token = secrets.token_urlsafe(32)
    SignInToken.objects.create(
        user_id=user.pk, digest=_digest(token), expires_at=timezone.now() + LINK_LIVES
    )
    return token


@transaction.atomic
def use_sign_in_link(*, token: str) -> User | None:
    """The user whom `token` signs in; None if it was used, has expired or never was."""
    now = timezone.now()
    fresh = SignInToken.objects.filter(
        digest=_digest(token), used_at=None, expires_at__gt=now, user__is_active=True
    )
    if not fresh.update(used_at=now):
        return None
    return User.objects.get(signintoken__digest=_digest(token))


@transaction.atomic
def set_password(*, user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])


def may_guess(*, username: str) -> bool:
    """Whether another password may be tried for this name: ten in five minutes."""
    return cache.get(_guesses(username), 0) < MOST_GUESSES


def count_guess(*, username: str) -> None:
    guesses = cache.get(_guesses(username), 0)
    cache.set(_guesses(username), guesses + 1, GUESSES_LAPSE_S)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _guesses(username: str) -> str:
    return f"guesses:{hashlib.sha256(username.lower().encode()).hexdigest()}"

"""Signing in by a link that works once."""

from django.conf import settings
from django.db import models


class SignInToken(models.Model):
    """A one-time sign-in link; only the hash of its secret is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

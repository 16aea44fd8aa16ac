"""The type of request that views get: middleware lets only signed-in people through to them."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """Of a signed-in person; `htmx` is true when htmx asks, for a part of the page."""

    user: User
    htmx: HtmxDetails

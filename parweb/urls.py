"""All addresses: the app's own, at the root."""

from importlib.util import find_spec

from django.urls import include, path

urlpatterns = [path("", include("runs.urls"))] if find_spec("runs.urls") else []

handler400 = "runs.views.errors.bad_request"

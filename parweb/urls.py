"""All addresses: the app's own, at the root."""

from django.urls import include, path

urlpatterns = [path("", include("runs.urls"))]

handler400 = "runs.views.errors.bad_request"

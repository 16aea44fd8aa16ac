"""Signing in by a one-time link or a password, and signing out."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from runs.forms.access import SignInForm
from runs.services import access

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"

sign_in = LoginView.as_view(
    template_name="runs/sign_in.html",
    authentication_form=SignInForm,
    redirect_authenticated_user=True,
    next_page="overview",
)
sign_out = LogoutView.as_view(next_page="sign_in")


@never_cache
@login_not_required
@require_http_methods(["GET"])
def sign_in_link(request: HttpRequest, token: str) -> HttpResponse:
    """The first visit uses the link up. A browser's guess at the next page does not."""
    if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        return HttpResponse(status=503)
    if user := access.use_sign_in_link(token=token):
        login(request, user, backend=MODEL_BACKEND)
        return redirect("overview")
    if request.user.is_authenticated:
        messages.info(request, "You are signed in already; this link has been used.")
        return redirect("overview")
    form = SignInForm(request)
    return render(request, "runs/sign_in.html", {"form": form, "is_spent": True}, status=410)

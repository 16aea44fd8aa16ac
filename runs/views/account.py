"""A person's own settings: password, theme, account."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from runs.forms.access import PasswordForm
from runs.services import access
from runs.views.requests import Request


@require_http_methods(["GET", "POST"])
def settings(request: Request) -> HttpResponse:
    form = PasswordForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        access.set_password(user=request.user, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, request.user)
        messages.success(request, "Your password is set.")
        return redirect("settings")
    status = 422 if form.errors else 200
    return render(request, "runs/settings.html", {"nav": "settings", "form": form}, status=status)

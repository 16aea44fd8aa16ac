"""Signing in with a password, and setting one."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.models import User

from runs.services import access


class SignInForm(AuthenticationForm):
    """Name and password; after ten wrong guesses in five minutes it asks for patience."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"
        self.fields["username"].widget.attrs["autocapitalize"] = "none"

    def clean(self) -> dict[str, Any]:
        username = str(self.cleaned_data.get("username", ""))
        if not access.may_guess(username=username):
            raise forms.ValidationError(
                "Too many wrong passwords. Wait five minutes, or sign in by a one-time link."
            )
        try:
            return super().clean()
        except forms.ValidationError:
            access.count_guess(username=username)
            raise

    def get_invalid_login_error(self) -> forms.ValidationError:
        return forms.ValidationError(
            "Name and password do not fit. A password works only once it is set under Settings."
        )


class PasswordForm(SetPasswordForm):
    """A new password, twice; with the present one, where there is one."""

    current = forms.CharField(
        label="Present password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["current", "new_password1", "new_password2"]

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields["new_password1"].label = "New password"
        self.fields["new_password1"].help_text = "At least eight characters, not a common word."
        self.fields["new_password2"].label = "The same again"
        self.fields["new_password2"].help_text = ""
        if not user.has_usable_password():
            del self.fields["current"]

    def clean_current(self) -> str:
        current = str(self.cleaned_data["current"])
        if not self.user.check_password(current):
            raise forms.ValidationError("This is not your present password.")
        return current

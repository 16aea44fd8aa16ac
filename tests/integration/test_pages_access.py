"""Signing in, setting a password, and who sees what."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.models import SignInToken
from runs.services import access


@pytest.fixture(autouse=True)
def no_guesses_yet() -> None:
    cache.clear()


def link(user: User) -> str:
    return reverse("sign_in_link", args=[access.create_sign_in_link(user)])


def test_a_link_signs_in_at_the_first_click(client: Client, user: User) -> None:
    response = client.get(link(user))
    assert response.status_code == 302
    assert client.get(reverse("overview")).status_code == 200


def test_a_link_works_once(client: Client, user: User) -> None:
    address = link(user)
    client.get(address)
    other = Client()
    response = other.get(address)
    assert response.status_code == 410
    assert "been used" in response.text
    assert other.get(reverse("overview")).status_code == 302


def test_a_link_expires_after_an_hour(client: Client, user: User) -> None:
    address = link(user)
    SignInToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(address).status_code == 410


def test_only_the_hash_of_a_link_is_kept(user: User) -> None:
    token = access.create_sign_in_link(user)
    assert token not in str(list(SignInToken.objects.values()))


@pytest.mark.parametrize("header", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_a_prefetch_does_not_use_the_link_up(
    client: Client, user: User, header: dict[str, str]
) -> None:
    address = link(user)
    assert client.get(address, headers=header).status_code == 503
    assert client.head(address).status_code == 405
    assert client.get(address).status_code == 302


def test_a_link_of_somebody_no_longer_active_signs_nobody_in(client: Client, user: User) -> None:
    address = link(user)
    User.objects.update(is_active=False)
    assert client.get(address).status_code == 410


def test_a_password_is_set_and_then_signs_in(signed_in: Client, user: User) -> None:
    new = {"new_password1": "many calls at once", "new_password2": "many calls at once"}
    assert signed_in.post(reverse("settings"), new).status_code == 302
    assert signed_in.get(reverse("overview")).status_code == 200
    other = Client()
    given = {"username": user.username, "password": "many calls at once"}
    assert other.post(reverse("sign_in"), given).status_code == 302
    assert other.get(reverse("overview")).status_code == 200


def test_changing_a_password_needs_the_present_one(signed_in: Client, user: User) -> None:
    access.set_password(user=user, password="many calls at once")
    signed_in.force_login(user)
    words = "other words here"
    new = {"current": "guess", "new_password1": words, "new_password2": words}
    response = signed_in.post(reverse("settings"), new)
    assert response.status_code == 422
    assert "not your present password" in response.text


def test_wrong_passwords_are_slowed_down(client: Client, user: User) -> None:
    access.set_password(user=user, password="many calls at once")
    given = {"username": user.username, "password": "wrong"}
    for _ in range(access.MOST_GUESSES):
        client.post(reverse("sign_in"), given)
    response = client.post(reverse("sign_in"), {**given, "password": "many calls at once"})
    assert "Too many wrong passwords" in response.text


def test_sign_in_goes_on_only_to_own_pages(client: Client, user: User) -> None:
    access.set_password(user=user, password="many calls at once")
    given = {"username": user.username, "password": "many calls at once"}
    response = client.post(reverse("sign_in"), {**given, "next": "https://elsewhere.example/"})
    assert response.url == reverse("overview")


def test_signing_out_takes_a_post(signed_in: Client) -> None:
    assert signed_in.get(reverse("sign_out")).status_code == 405
    assert signed_in.post(reverse("sign_out")).status_code == 302
    assert signed_in.get(reverse("overview")).status_code == 302

"""Provider connections of the dialects that one provider made: their address, key and prices."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from runs.models import OWN_ADDRESSES, Connection
from runs.planning import configuration as configurations
from runs.services.launching import launch_run
from runs.services.resolving import price_of
from tests.factories import make_connection, voting_spec

pytestmark = pytest.mark.django_db
KINDS = pytest.mark.parametrize("kind", OWN_ADDRESSES)
MODELS = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}


def typed(kind: str, base_url: str = "") -> dict[str, object]:
    return {"name": "Mine", "kind": kind, "base_url": base_url, "api_key": "sk-1", "in_flight": 4}


@KINDS
def test_without_an_address_it_is_the_providers_own(
    signed_in: Client, user: User, kind: str
) -> None:
    signed_in.post(reverse("provider_new"), typed(kind))
    row = Connection.objects.get(owner=user, name="Mine")
    assert (row.kind, row.base_url, row.api_key) == (kind, OWN_ADDRESSES[kind], "sk-1")


@KINDS
def test_another_address_is_an_administrators_to_enter(
    signed_in: Client, user: User, kind: str
) -> None:
    elsewhere = typed(kind, "https://llm.example/v1")
    assert signed_in.post(reverse("provider_new"), elsewhere).status_code == 422
    User.objects.update(is_staff=True)
    signed_in.post(reverse("provider_new"), elsewhere)
    row = Connection.objects.get(owner=user, name="Mine")
    assert row.base_url == "https://llm.example/v1"


@KINDS
def test_an_address_of_another_dialect_is_pointed_out(signed_in: Client, kind: str) -> None:
    response = signed_in.post(
        reverse("provider_new"), typed("openai_compatible", OWN_ADDRESSES[kind])
    )
    assert response.status_code == 422
    assert f"choose the kind {Connection.Kind(kind).label}" in response.text


@pytest.mark.parametrize(
    "address", ["https://ada:pass-1@llm.example/v1", "https://llm.example/v1?x=1&API_KEY=pass-1"]
)
def test_a_key_in_the_address_is_never_stored(signed_in: Client, user: User, address: str) -> None:
    User.objects.update(is_staff=True)
    response = signed_in.post(reverse("provider_new"), typed("openai_compatible", address))
    assert response.status_code == 422
    assert "its own field" in response.text
    assert not Connection.objects.filter(name="Mine").exists()


@KINDS
def test_its_models_are_priced_at_its_own_address_only(user: User, kind: str) -> None:
    row = make_connection(user, name="Mine", kind=kind, base_url=OWN_ADDRESSES[kind])
    price = price_of(row, MODELS[kind])
    assert price is not None
    assert price.output_per_m > price.input_per_m > 0
    row.base_url = "https://llm.example/v1"
    assert price_of(row, MODELS[kind]) is None


@KINDS
def test_a_file_brings_it_along_without_an_address(user: User, kind: str) -> None:
    user.is_staff = True
    provider = {"name": "mine", "kind": kind, "api_key_env": "MY_KEY"}
    call = {"connection": "mine", "model": MODELS[kind]}
    spec = voting_spec(input={"text": "x"}, provider=provider, call=call)
    configuration = configurations.parse(spec)
    for _ in range(2):
        launch_run(owner=user, configuration=configuration)
    row = Connection.objects.get(owner=user, name="mine")
    assert (row.kind, row.base_url) == (kind, OWN_ADDRESSES[kind])

"""Strange addresses and bodies: a clear page, never a 500."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import make_configuration, make_dataset, make_template

HUGE = "9" * 30
PAGES = ["runs/{}/", "configurations/{}/", "templates/{}/", "datasets/{}/", "providers/{}/"]


@pytest.mark.parametrize("page", [*PAGES, "templates/{}/diff/", "configurations/{}/export.yaml"])
def test_a_number_too_large_for_any_row_is_not_found(signed_in: Client, page: str) -> None:
    assert signed_in.get(f"/{page.format(HUGE)}").status_code == 404


@pytest.mark.parametrize("query", [f"new={HUGE}", f"old={HUGE}", "new=x", "old=0", "new=-1"])
def test_a_strange_version_is_not_found_or_not_asked_for(
    signed_in: Client, user: User, query: str
) -> None:
    address = reverse("prompt_template_diff", args=[make_template(user).pk])
    assert signed_in.get(f"{address}?{query}").status_code in {200, 404}


@pytest.mark.parametrize("start", [HUGE, "-1", "x", "1e9"])
def test_a_strange_start_shows_a_page_of_the_dataset(
    signed_in: Client, user: User, start: str
) -> None:
    address = reverse("dataset", args=[make_dataset(user).pk])
    assert signed_in.get(address, {"start": start}).status_code == 200


@pytest.mark.parametrize("name", ["configuration_new", "configuration_launch"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x" * 5000},
        {"name": "a\x00b"},
        {"join.method": "'; drop table"},
        {"prompts.999.text": "far", "prompts.0.template": "@"},
        {"limits.cost_usd": "nan", "call.temperature": "inf"},
        {"votes.samples": HUGE, "call.seed": "-" + HUGE},
        {"input.kind": "inline", "input.inline": "[" * 100_000},
        {"input.kind": "inline", "input.inline": '{"documents": {"a": 1}, "rows": 3}'},
        {"call.json_schema": '{"$ref": "#"}'},
        {"input.kind": "files"},
    ],
    ids=lambda body: next(iter(body), "nothing"),
)
def test_a_strange_form_is_refused_politely(
    signed_in: Client, name: str, body: dict[str, str]
) -> None:
    response = signed_in.post(reverse(name), body)
    assert response.status_code == 422
    assert "to mend" in response.text


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_a_body_of_another_kind_is_refused_politely(signed_in: Client, kind: str) -> None:
    for name in ("configuration_new", "configuration_plan", "dataset_new", "provider_new"):
        response = signed_in.post(reverse(name), b"\xff\xfe{", content_type=kind)
        assert response.status_code in {200, 400, 422}


def test_a_stored_configuration_that_no_longer_fits_still_opens(
    signed_in: Client, user: User
) -> None:
    """A data directory may be older than the program."""
    row = make_configuration(
        user, {"pattern": "voting", "join": {"method": "oracle"}, "prompts": []}
    )
    page = signed_in.get(reverse("configuration", args=[row.pk]))
    assert page.status_code == 200
    assert "Not ready to launch" in page.text
    assert signed_in.get(reverse("configurations")).status_code == 200

"""What one person owns, another neither sees nor touches, by any address."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from runs.models import Configuration, Connection, Dataset, Run, Template
from tests.factories import (
    make_configuration,
    make_connection,
    make_dataset,
    make_run,
    make_template,
)

OPEN = {"sign_in", "sign_in_link", "sign_out"}


def patterns() -> Iterator[URLPattern]:
    for entry in get_resolver().url_patterns:
        yield from getattr(entry, "url_patterns", [entry])


NAMES = sorted({(p.name, tuple(sorted(p.pattern.converters))) for p in patterns() if p.name})
OWNED = [(name, keys) for name, keys in NAMES if any(key.endswith("_id") for key in keys)]
OWN_PAGES = [name for name, keys in NAMES if not keys and name not in OPEN]


@pytest.fixture
def foreign(other_user: User) -> dict[str, int]:
    """One of everything that somebody else owns, by the name its address gives it."""
    run = make_run(other_user, branches=1)
    return {
        "run_id": run.pk,
        "number": 0,
        "position": 0,
        "n": 1,
        "configuration_id": make_configuration(other_user).pk,
        "template_id": make_template(other_user).pk,
        "dataset_id": make_dataset(other_user).pk,
        "connection_id": make_connection(other_user).pk,
    }


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("name", "keys"), OWNED)
def test_a_foreign_id_is_as_unknown_as_one_that_never_was(
    signed_in: Client, foreign: dict[str, int], name: str, keys: tuple[str, ...], method: str
) -> None:
    address = reverse(name, kwargs={key: foreign.get(key, "json") for key in keys})
    response = getattr(signed_in, method)(address)
    assert response.status_code in {404, 405}
    unknown = {key: foreign.get(key, "json") for key in keys}
    unknown |= {key: 987_654_321 for key in keys if key.endswith("_id")}
    same = getattr(signed_in, method)(reverse(name, kwargs=unknown))
    assert same.status_code == response.status_code


@pytest.mark.parametrize(("name", "keys"), OWNED)
def test_one_of_the_two_methods_reaches_the_foreign_row_and_finds_nothing(
    signed_in: Client, foreign: dict[str, int], name: str, keys: tuple[str, ...]
) -> None:
    address = reverse(name, kwargs={key: foreign.get(key, "json") for key in keys})
    assert 404 in {signed_in.get(address).status_code, signed_in.post(address).status_code}


def test_nothing_of_somebody_else_is_changed(
    signed_in: Client, other_user: User, foreign: dict[str, int]
) -> None:
    def counts() -> list[int]:
        tables = (Configuration, Connection, Dataset, Run, Template)
        return [table.objects.filter(owner=other_user).count() for table in tables]

    before = counts()
    for name, keys in OWNED:
        signed_in.post(reverse(name, kwargs={key: foreign.get(key, "json") for key in keys}))
    assert counts() == before
    assert not Run.objects.filter(owner=other_user, cancel_wanted=True).exists()


@pytest.mark.parametrize("name", [name for name in OWN_PAGES if name != "sign_out"])
def test_lists_and_forms_show_nothing_foreign(
    signed_in: Client, other_user: User, foreign: dict[str, int], name: str
) -> None:
    for table in (Configuration, Connection, Dataset, Run, Template):
        table.objects.filter(owner=other_user).update(name=f"canary {table.__name__}")
    response = signed_in.get(reverse(name))
    assert "canary" not in response.text


@pytest.mark.parametrize(("name", "keys"), [pair for pair in NAMES if pair[0] not in OPEN])
def test_a_stranger_is_asked_to_sign_in(
    client: Client, foreign: dict[str, int], name: str, keys: tuple[str, ...]
) -> None:
    address = reverse(name, kwargs={key: foreign.get(key, "json") for key in keys})
    for method in (client.get, client.post):
        response = method(address)
        assert response.status_code == 302
        assert response.url.startswith(reverse("sign_in"))


def test_a_foreign_dataset_or_template_cannot_be_named_in_a_configuration(
    signed_in: Client, user: User, other_user: User
) -> None:
    make_connection(user, name="Simulated")
    make_dataset(other_user, name="Secrets")
    make_template(other_user, name="Their words")
    page = signed_in.post(
        reverse("configuration_plan"),
        {
            "name": "Curious",
            "pattern": "sectioning",
            "join.method": "concatenate",
            "split.by": "document",
            "on_failure.policy": "all",
            "call.connection": "Simulated",
            "call.model": "m",
            "call.max_tokens": "10",
            "limits.tries": "1",
            "limits.deadline_s": "10",
            "votes.vary": "none",
            "prompts.0.template": "Their words@1",
            "input.kind": "dataset",
            "input.dataset": "Secrets",
        },
    )
    assert "no data set named" in page.text
    assert "no template named" in page.text

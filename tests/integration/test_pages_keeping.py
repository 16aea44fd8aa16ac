"""Templates, datasets and providers: what can be kept, changed and deleted."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from runs.models import Connection, Dataset, Template
from runs.services import connections
from tests.factories import make_connection, make_dataset, make_template

CANARY = "sk-canary-123"


def test_a_template_declares_the_names_it_fills_in(signed_in: Client, user: User) -> None:
    given = {"name": "Summary", "text": "{{ document.text }} in {{ language }}, {{ language }}"}
    response = signed_in.post(reverse("prompt_template_new"), given)
    template = Template.objects.get(owner=user)
    assert response.url == reverse("prompt_template", args=[template.pk])
    assert template.versions.get().variables == ["document.text", "language"]
    assert "language" in signed_in.get(response.url).text


def test_a_change_is_a_new_version_and_the_old_one_stays(signed_in: Client, user: User) -> None:
    template = make_template(user, text="old {{ input }}", name="T")
    address = reverse("prompt_template", args=[template.pk])
    signed_in.post(address, {"name": "Renamed", "text": "new\r\n{{ input }}", "note": "shorter"})
    template.refresh_from_db()
    texts = dict(template.versions.values_list("number", "text"))
    assert texts == {1: "old {{ input }}", 2: "new\n{{ input }}"}
    assert template.name == "Renamed"
    signed_in.post(address, {"name": "Renamed", "text": "new\n{{ input }}"})
    assert template.versions.count() == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "", "text": "x"}, "required"),
        ({"name": "New", "text": "  "}, "Write the prompt"),
        ({"name": "Taken", "text": "x"}, "of this name already"),
        ({"name": "New", "text": "x" * 200_001}, "200,000"),
        ({"name": "New", "text": "x", "system": "{{ input }}"}, "as it stands"),
    ],
)
def test_a_bad_template_is_told_what_is_wrong(
    signed_in: Client, user: User, given: dict[str, str], words: str
) -> None:
    make_template(user, name="Taken")
    response = signed_in.post(reverse("prompt_template_new"), given)
    assert response.status_code == 422
    assert words in response.text


def test_the_difference_between_versions_is_marked_and_inert(signed_in: Client, user: User) -> None:
    template = make_template(user, text="same\nold <b>bold</b>")
    address = reverse("prompt_template", args=[template.pk])
    signed_in.post(address, {"name": "T", "text": "same\nnew <script>1</script>"})
    page = signed_in.get(reverse("prompt_template_diff", args=[template.pk])).text
    assert "<del>old &lt;b&gt;bold&lt;/b&gt;</del>" in page
    assert "<ins>new &lt;script&gt;1&lt;/script&gt;</ins>" in page
    assert (
        signed_in.get(reverse("prompt_template_diff", args=[template.pk]), {"old": 7}).status_code
        == 404
    )


def test_a_preview_fills_in_and_never_evaluates(signed_in: Client, user: User) -> None:
    given = {"name": "P", "text": "A {{ input }} and {{ row.title }}"}
    signed_in.post(reverse("prompt_template_new"), given)
    address = reverse("prompt_template_preview", args=[Template.objects.get().pk])
    assert "‹row.title›" in signed_in.get(address).text
    values = {"value:input": "{{ row.title }} <i>"}
    part = signed_in.post(address, values, headers={"HX-Request": "true"}).text
    assert "A {{ row.title }} &lt;i&gt; and ‹row.title›" in part


def test_an_archived_template_leaves_the_list_and_comes_back(signed_in: Client, user: User) -> None:
    template = make_template(user, name="Oldtimer")
    address = reverse("prompt_template_archive", args=[template.pk])
    signed_in.post(address)
    signed_in.get(reverse("prompt_templates"))  # shows the message that names it
    assert "Oldtimer" not in signed_in.get(reverse("prompt_templates")).text
    assert "Oldtimer" in signed_in.get(reverse("prompt_templates"), {"archived": ""}).text
    signed_in.post(address)
    assert "Oldtimer" in signed_in.get(reverse("prompt_templates")).text


def test_pasted_documents_are_parted_by_rules(signed_in: Client, user: User) -> None:
    given = {"name": "Notes", "kind": "documents", "text": "# One\nfirst\n---\nsecond\n----\n"}
    signed_in.post(reverse("dataset_new"), given)
    items = Dataset.objects.get(owner=user).items.all()
    assert [item.label for item in items] == ["One", "second"]
    assert items[0].fields == {"document.text": "# One\nfirst"}


def test_rows_keep_their_known_answer_apart(signed_in: Client, user: User) -> None:
    table = SimpleUploadedFile("q.csv", b"question,answer\n1+1,2\n2+2,4\n")
    given = {"name": "Sums", "kind": "rows", "gold": "answer", "files": table}
    signed_in.post(reverse("dataset_new"), given)
    dataset = Dataset.objects.get(owner=user)
    assert dataset.columns == ["question"]
    first = dataset.items.first()
    assert (first.fields, first.gold) == ({"row.question": "1+1"}, "2")
    page = signed_in.get(reverse("dataset", args=[dataset.pk])).text
    assert "Known answer" in page


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "documents"}, "Upload files, or paste"),
        ({"kind": "rows"}, "Upload a table"),
        ({"kind": "rows", "text": "a,b\n1,2,3"}, "line 2"),
        ({"kind": "rows", "text": "a,b\n1,2", "gold": "c"}, "no such column"),
        ({"kind": "strange", "text": "x"}, "valid choice"),
        ({"kind": "documents", "text": "x", "name": "Taken"}, "of this name already"),
        ({"kind": "documents", "text": "x" * 6_000_000}, "5 MB"),
        ({"kind": "documents", "files": SimpleUploadedFile("a.pdf", b"no pdf")}, "a.pdf"),
        ({"kind": "documents", "files": SimpleUploadedFile("a.docx", b"x")}, "can be read"),
    ],
)
def test_a_bad_dataset_is_told_what_is_wrong(
    signed_in: Client, user: User, given: dict[str, object], words: str
) -> None:
    make_dataset(user, name="Taken")
    response = signed_in.post(reverse("dataset_new"), {"name": "New", **given})
    assert response.status_code == 422
    assert words in response.text
    assert Dataset.objects.count() == 1


def test_a_long_dataset_is_shown_a_page_at_a_time(signed_in: Client, user: User) -> None:
    dataset = make_dataset(user, texts=[f"text {number}" for number in range(30)])
    address = reverse("dataset", args=[dataset.pk])
    assert "1 to 25 of 30" in signed_in.get(address).text
    assert "26 to 30 of 30" in signed_in.get(address, {"start": 25}).text
    assert signed_in.get(address, {"start": 999}).status_code == 200


def test_a_dataset_is_deleted_with_its_items(signed_in: Client, user: User) -> None:
    dataset = make_dataset(user)
    assert signed_in.get(reverse("dataset_delete", args=[dataset.pk])).status_code == 405
    signed_in.post(reverse("dataset_delete", args=[dataset.pk]))
    assert not Dataset.objects.exists()


@pytest.fixture
def hosted(user: User) -> Connection:
    return make_connection(
        user,
        name="Hosted",
        kind="openai_compatible",
        base_url="https://api.openai.com/v1",
        api_key=CANARY,
    )


def as_typed(row: Connection, **changes: object) -> dict[str, object]:
    return {
        "name": row.name,
        "kind": row.kind,
        "base_url": row.base_url,
        "in_flight": row.in_flight,
        **changes,
    }


def test_a_stored_key_is_on_no_page(signed_in: Client, hosted: Connection) -> None:
    for name, *keys in (["providers"], ["provider", hosted.pk], ["configuration_new"]):
        assert CANARY not in signed_in.get(reverse(name, args=keys)).text
    response = signed_in.post(reverse("provider", args=[hosted.pk]), as_typed(hosted, in_flight=""))
    assert response.status_code == 422
    assert CANARY not in response.text


def test_an_empty_key_keeps_the_stored_one(signed_in: Client, hosted: Connection) -> None:
    signed_in.post(reverse("provider", args=[hosted.pk]), as_typed(hosted, in_flight=3))
    hosted.refresh_from_db()
    assert (hosted.api_key, hosted.in_flight) == (CANARY, 3)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://api.groq.com/openai/v1", ""),
        ("https://api.openai.com/v2", CANARY),
        ("http://api.openai.com/v1", ""),
        ("https://api.openai.com:8443/v1", ""),
    ],
)
def test_another_origin_erases_the_key(
    signed_in: Client, user: User, hosted: Connection, address: str, key: str
) -> None:
    User.objects.update(is_staff=True)
    typed = as_typed(hosted, base_url=address)
    signed_in.post(reverse("provider", args=[hosted.pk]), typed)
    hosted.refresh_from_db()
    assert (hosted.base_url, hosted.api_key) == (address, key)


def test_only_an_administrator_enters_another_address(
    signed_in: Client, user: User, hosted: Connection
) -> None:
    typed = as_typed(hosted, base_url="https://elsewhere.example/v1")
    response = signed_in.post(reverse("provider", args=[hosted.pk]), typed)
    assert response.status_code == 422
    assert "Only an administrator" in response.text
    hosted.refresh_from_db()
    assert (hosted.base_url, hosted.api_key) == ("https://api.openai.com/v1", CANARY)


def test_only_an_administrator_names_an_environment_variable(
    signed_in: Client, user: User, hosted: Connection
) -> None:
    typed = as_typed(hosted, api_key_env="SECRET_KEY")
    signed_in.post(reverse("provider", args=[hosted.pk]), typed)
    hosted.refresh_from_db()
    assert hosted.api_key_env == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "api.openai.com"}, "whole address"),
        ({"base_url": "file:///etc/passwd"}, "whole address"),
        ({"base_url": ""}, "whole address"),
        ({"in_flight": "0"}, "1,000"),
        ({"in_flight": "99999999999999999999"}, "1,000"),
        ({"calls_per_minute": "0"}, "At least 1"),
        ({"tokens_per_minute": "0"}, "At least 1 token"),
        ({"price_input": "-1"}, "1,000,000"),
        ({"price_cached": "-1"}, "1,000,000"),
        ({"name": ""}, "required"),
        ({"kind": "strange"}, "valid choice"),
    ],
)
def test_a_bad_provider_is_told_what_is_wrong(
    signed_in: Client, user: User, hosted: Connection, changes: dict[str, str], words: str
) -> None:
    User.objects.update(is_staff=True)
    response = signed_in.post(reverse("provider_new"), as_typed(hosted, name="New") | changes)
    assert response.status_code == 422
    assert words in response.text


def test_limits_prices_and_the_missing_end_mark_are_kept(
    signed_in: Client, hosted: Connection
) -> None:
    typed = as_typed(
        hosted, tokens_per_minute="90000", price_cached="0.25", ends_unmarked="on", price_input="1"
    )
    signed_in.post(reverse("provider", args=[hosted.pk]), typed)
    hosted.refresh_from_db()
    assert (hosted.tokens_per_minute, hosted.price_cached) == (90_000, 0.25)
    assert not hosted.sends_end_mark
    page = signed_in.get(reverse("provider", args=[hosted.pk])).text
    assert 'value="90000"' in page
    tick = re.search(r'<input[^>]*name="ends_unmarked"[^>]*>', page)
    assert tick is not None
    assert "checked" in tick[0]


def test_only_an_openai_compatible_server_may_leave_out_the_end_mark(
    signed_in: Client, user: User
) -> None:
    own = Connection(name="Own", kind="anthropic", in_flight=2)
    signed_in.post(reverse("provider_new"), as_typed(own, ends_unmarked="on"))
    assert Connection.objects.get(name="Own").sends_end_mark


def test_testing_a_connection_tells_what_came_of_it(
    signed_in: Client, hosted: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([(True, "It answers.", ["large"]), (False, "Wrong <key>.", [])])
    monkeypatch.setattr(connections.probe, "test_connection", lambda row, **_: next(answers))
    address = reverse("provider_test", args=[hosted.pk])
    part = signed_in.post(address, headers={"HX-Request": "true"}).text
    assert "It answers." in part
    assert "<html" not in part
    hosted.refresh_from_db()
    assert hosted.model_names == ["large"]
    assert "Wrong &lt;key&gt;." in signed_in.post(address, follow=True).text


def test_a_provider_is_deleted_with_its_key(signed_in: Client, hosted: Connection) -> None:
    signed_in.post(reverse("provider_delete", args=[hosted.pk]))
    assert not Connection.objects.exists()


def test_a_new_user_gets_the_connections_that_need_no_key(user: User) -> None:
    connections.ensure_defaults(user)
    connections.ensure_defaults(user)
    kinds = [row.kind for row in Connection.objects.filter(owner=user)]
    assert kinds.count("simulated") == 1
    assert len(kinds) == len(set(kinds))

"""The join-first editor: its plan, saving, launching, uploads, import and export."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from runs.forms.configuration import ConfigurationForm
from runs.models import Configuration, Connection, Dataset, Revision, Run
from runs.planning import configuration as configurations
from runs.planning import files
from runs.services.examples import seed
from tests.factories import make_configuration, make_connection, sectioning_spec, voting_spec
from tests.unit.forms.test_round_trip import sent

TEXT = {"input.kind": "text", "input.text": "My card was charged twice."}


@pytest.fixture(autouse=True)
def connection(user: User) -> Connection:
    return make_connection(user, name="Simulated", model_names=["simulated"])


def typed(spec: dict | None = None, **changes: str) -> QueryDict:
    """What the browser sends for a configuration, with the input typed."""
    data = sent(ConfigurationForm.of(spec or voting_spec()))
    for name, value in {**TEXT, **changes}.items():
        data[name] = value
    return data


def post(client: Client, address: str, data: QueryDict, **more: object) -> object:
    return client.post(address, {**data.dict(), **more})


def test_the_panel_tells_what_a_launch_would_do(signed_in: Client) -> None:
    panel = post(signed_in, reverse("configuration_plan"), typed()).text
    assert "Launch 3 calls" in panel
    assert "side by side" in panel
    assert "Classify: My card was charged twice." in panel
    assert panel.count("<circle") == 4


def test_the_panel_tells_the_range_of_votes_that_may_stop_early(signed_in: Client) -> None:
    spec = voting_spec(votes={"samples": 40, "stop": "confident"})
    panel = post(signed_in, reverse("configuration_plan"), typed(spec)).text
    assert panel.count("4–40") == 2
    assert "Launch up to 40 calls" in panel
    assert "if votes agree" in panel
    assert "40×" in panel
    assert "from about" in panel.partition("The same, one by one")[2]
    Connection.objects.update(kind="local")
    panel = post(signed_in, reverse("configuration_plan"), typed(spec)).text
    assert re.search("up to [^<]*, if votes agree", panel.partition("The same, one by one")[2])


def test_the_panel_tells_how_many_pieces_are_voted_on(signed_in: Client) -> None:
    spec = voting_spec(
        votes={"samples": 40, "stop": "confident"},
        each={"by": "line"},
        prompts=[{"text": "{{ line.text }}"}],
    )
    lines = "\n".join(f"line {number}" for number in range(1_318))
    panel = post(
        signed_in, reverse("configuration_plan"), typed(spec, **{"input.text": lines})
    ).text
    assert "1,318 × up to 40 votes" in panel
    assert "5,272–52,720" in panel
    assert "line 0" in panel
    assert "52,720 branches, then 1,318 votes, then one join" in panel


def test_the_panel_counts_verdicts(signed_in: Client) -> None:
    spec = voting_spec(join={"method": "judge"})
    panel = post(signed_in, reverse("configuration_plan"), typed(spec)).text
    assert "3 + 2 verdicts" in panel
    assert "Launch 5 calls" in panel


def test_rows_voted_on_are_launched_with_their_right_answers(signed_in: Client) -> None:
    spec = voting_spec(
        each={"by": "row"},
        prompts=[{"text": "{{ row.q }}"}],
        input={"rows": [{"q": "1+1", "a": "2"}, {"q": "2+2", "a": "4"}], "gold": "a"},
    )
    data = sent(ConfigurationForm.of(spec))
    assert post(signed_in, reverse("configuration_launch"), data).status_code == 302
    run = Run.objects.get()
    assert list(run.items.values_list("gold", flat=True)) == ["2", "4"]
    assert run.branches_planned == 6
    assert run.joins.count() == 3


def test_a_judge_without_a_connection_of_ones_own_is_told_beside_it(signed_in: Client) -> None:
    spec = voting_spec(join={"method": "judge", "judge": {"connection": "Gone"}})
    response = post(signed_in, reverse("configuration_launch"), typed(spec))
    assert response.status_code == 422
    assert "no connection named “Gone”" in response.text
    field = re.search(r'<select name="judge.judge.connection"[^>]*>', response.text)[0]
    assert 'aria-invalid="true"' in field


def test_the_panel_counts_merges_level_by_level(signed_in: Client) -> None:
    spec = sectioning_spec(
        split={"by": "line"}, prompts=[{"text": "{{ line.text }}"}], join={"method": "merge"}
    )
    lines = "\n".join(f"line {number}" for number in range(24))
    panel = post(
        signed_in, reverse("configuration_plan"), typed(spec, **{"input.text": lines})
    ).text
    assert "24 + 5 merges" in panel
    assert "Launch 29 calls" in panel


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompts.0.text": "{{ nonsense }}"}, "nonsense"),
        ({"votes.samples": "1000000000"}, "from 1 to 10,000"),
        ({"on_failure.policy": "at_least", "on_failure.least": "4"}, "from 1 to 3"),
    ],
)
def test_the_panel_lists_what_is_missing_and_nothing_is_written(
    signed_in: Client, changes: dict[str, str], words: str
) -> None:
    response = post(signed_in, reverse("configuration_plan"), typed(**changes))
    assert response.status_code == 200
    assert words in response.text
    assert not Configuration.objects.exists()


def test_votes_may_run_side_by_side_whatever_else_is_warned_of(signed_in: Client) -> None:
    changes = {"call.temperature": "0", "votes.samples": "5"}
    panel = post(signed_in, reverse("configuration_plan"), typed(**changes)).text
    assert 'href="#warn"' in panel
    assert "side by side" in panel


def test_an_unknown_connection_is_told_beside_its_field(signed_in: Client) -> None:
    data = typed(**{"call.connection": "Gone"})
    response = post(signed_in, reverse("configuration_launch"), data)
    assert response.status_code == 422
    field = re.search(r'<select name="call.connection"[^>]*>', response.text)[0]
    assert 'aria-invalid="true"' in field
    assert "id_call.connection_error" in field
    assert 'id="id_call.connection_error"' in response.text


def test_saving_makes_a_revision_only_when_something_changed(signed_in: Client) -> None:
    response = post(signed_in, reverse("configuration_new"), typed())
    row = Configuration.objects.get()
    assert response.url == reverse("configuration", args=[row.pk])
    post(signed_in, response.url, typed())
    assert row.revisions.count() == 1
    post(signed_in, response.url, typed(**{"votes.samples": "5"}))
    assert [revision.number for revision in row.revisions.all()] == [2, 1]


def test_what_was_saved_is_shown_again(signed_in: Client) -> None:
    post(signed_in, reverse("configuration_new"), typed(**{"votes.samples": "7"}))
    page = signed_in.get(reverse("configuration", args=[Configuration.objects.get().pk])).text
    assert "Launch 7 calls" in page
    assert "My card was charged twice." in page


def test_a_taken_name_is_told_beside_the_name(signed_in: Client, user: User) -> None:
    make_configuration(user, name="Ticket triage")
    response = post(signed_in, reverse("configuration_new"), typed())
    assert response.status_code == 422
    assert "have a configuration of this name" in response.text


def test_launching_saves_and_starts_one_run(signed_in: Client) -> None:
    response = post(signed_in, reverse("configuration_launch"), typed(), idempotency_key="a-key")
    run = Run.objects.get()
    assert response.url == reverse("run", args=[run.pk])
    assert run.configuration == Configuration.objects.get()
    assert run.branches_planned == 3


def test_a_double_click_launches_once(signed_in: Client) -> None:
    addresses = {
        post(signed_in, reverse("configuration_launch"), typed(), idempotency_key="a-key").url
        for _ in range(3)
    }
    assert len(addresses) == 1
    assert Run.objects.count() == Configuration.objects.count() == 1


def test_a_used_key_with_other_settings_launches_nothing(signed_in: Client) -> None:
    address = reverse("configuration_launch")
    post(signed_in, address, typed(), idempotency_key="a-key")
    changed = typed(**{"votes.samples": "5"})
    response = post(signed_in, address, changed, idempotency_key="a-key")
    assert response.status_code == 409
    assert "has launched a run already" in response.text
    assert Run.objects.count() == 1
    key = re.search(r'name="idempotency_key" value="(\w+)"', response.text)[1]
    assert key != "a-key"


def test_launching_an_edited_configuration_launches_that_one(signed_in: Client, user: User) -> None:
    row = make_configuration(user, name="Mine")
    address = reverse("configuration_launch", args=[row.pk])
    post(signed_in, address, typed(**{"name": "Mine", "votes.samples": "4"}))
    assert Run.objects.get().configuration == row
    assert row.revisions.first().spec["votes"]["samples"] == 4


def test_a_launch_without_input_is_refused_with_a_reason(signed_in: Client) -> None:
    response = post(signed_in, reverse("configuration_launch"), typed(**{"input.text": ""}))
    assert response.status_code == 422
    assert "input is empty" in response.text
    assert not Run.objects.exists()


def test_a_paste_of_ten_megabytes_gets_an_inline_error(signed_in: Client) -> None:
    data = typed(**{"input.text": "x" * 10_000_000})
    for address in ("configuration_plan", "configuration_launch"):
        response = post(signed_in, reverse(address), data)
        assert response.status_code in {200, 422}
        assert "5,000,000" in response.text or "5 MB" in response.text


def test_more_than_a_form_takes_gets_a_page_that_says_so(
    signed_in: Client, settings: object
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = signed_in.post(reverse("dataset_new"), "x" * 2000, content_type="text/plain")
    response = signed_in.post(
        reverse("dataset_new"),
        "name=" + "x" * 2000,
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 413
    assert "too much at once" in response.text


def test_a_prompt_is_added_without_saving_or_complaining(signed_in: Client) -> None:
    page = post(signed_in, reverse("configuration_new"), typed(), act="add_prompt")
    assert page.status_code == 200
    assert 'name="prompts.1.text"' in page.text
    assert not Configuration.objects.exists()
    page = post(
        signed_in,
        reverse("configuration_new"),
        typed(**{"prompts.1.text": "x"}),
        act="remove_prompt:0",
    )
    assert 'name="prompts.1.text"' not in page.text


@pytest.mark.parametrize("act", ["remove_prompt:", "remove_prompt:-1", "remove_prompt:99999", "?"])
def test_a_strange_act_changes_nothing(signed_in: Client, act: str) -> None:
    response = post(signed_in, reverse("configuration_new"), typed(), act=act)
    assert response.status_code == 200
    assert 'name="prompts.0.text"' in response.text


def test_uploaded_files_become_a_dataset_that_is_chosen(signed_in: Client) -> None:
    uploads = [SimpleUploadedFile("a.md", b"# A\nalpha"), SimpleUploadedFile("b.txt", b"beta")]
    data = typed(sectioning_spec(), **{"input.kind": "files"})
    part = post(signed_in, reverse("configuration_upload"), data, files=uploads)
    dataset = Dataset.objects.get()
    assert dataset.name == "a and 1 more"
    assert dataset.items.count() == 2
    assert f'<option value="{dataset.name}" selected>' in part.text
    assert part.headers["HX-Trigger-After-Settle"] == "plan-changed"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("run.exe", b"MZ", "of no kind that can be read"),
        ("empty.txt", b"", "is empty"),
        ("broken.pdf", b"%PDF-no", "broken.pdf"),
        ("odd.jsonl", b"{not json", "odd.jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_beside_the_files(
    signed_in: Client, name: str, content: bytes, words: str
) -> None:
    part = post(
        signed_in,
        reverse("configuration_upload"),
        typed(**{"input.kind": "files"}),
        files=SimpleUploadedFile(name, content),
    )
    assert part.status_code == 200
    assert words in part.text
    assert 'id="files_error"' in part.text


def test_export_and_import_give_the_same_configuration(signed_in: Client, user: User) -> None:
    seed(user)
    for row in list(Configuration.objects.filter(is_example=True)):
        exported = signed_in.get(reverse("configuration_export", args=[row.pk]))
        assert exported.headers["Content-Disposition"].endswith('.yaml"')
        response = signed_in.post(reverse("configuration_import"), {"text": exported.text})
        copy = Revision.objects.latest("pk")
        assert response.url == reverse("configuration", args=[copy.configuration_id])
        original = row.revisions.first().spec
        assert copy.spec == {**original, "name": f"{original['name']} 2"}


def test_an_uploaded_file_is_imported(signed_in: Client) -> None:
    content = files.dump_yaml(configurations.parse(voting_spec())).encode()
    upload = SimpleUploadedFile("triage.yaml", content)
    assert signed_in.post(reverse("configuration_import"), {"file": upload}).status_code == 302
    assert Configuration.objects.get().name == "Ticket triage"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Choose a file"),
        (": : :", "cannot be read"),
        ("name: x\nvotes: {samples: 0}", "votes.samples"),
        ("name: x\nsurprise: 1", "surprise"),
        ("- a\n- b", "group of fields"),
        ("a: &a [1]\nb: *a", "anchors"),
    ],
)
def test_an_unreadable_file_names_the_field(signed_in: Client, text: str, words: str) -> None:
    response = signed_in.post(reverse("configuration_import"), {"text": text})
    assert response.status_code == 422
    assert words in response.text


def test_a_file_that_is_no_text_is_refused(signed_in: Client) -> None:
    upload = SimpleUploadedFile("x.yaml", b"\xff\xfe\x00binary")
    response = signed_in.post(reverse("configuration_import"), {"file": upload})
    assert "not UTF-8" in response.text


def test_only_an_administrator_may_bring_an_address_or_a_variable(
    signed_in: Client, user: User
) -> None:
    data = typed(
        **{
            "provider.name": "mine",
            "provider.base_url": "https://elsewhere.example/v1",
            "provider.api_key_env": "SECRET_KEY",
        }
    )
    response = post(signed_in, reverse("configuration_new"), data)
    assert response.status_code == 422
    assert "Only an administrator" in response.text
    user.is_staff = True
    user.save()
    assert post(signed_in, reverse("configuration_new"), data).status_code == 302


def test_paths_on_the_server_are_not_read_for_a_browser(signed_in: Client) -> None:
    text = files.dump_yaml(configurations.parse(voting_spec(input={"files": ["/etc/passwd"]})))
    response = signed_in.post(reverse("configuration_import"), {"text": text})
    assert response.status_code == 422
    assert "Upload the files" in response.text


def test_duplicate_and_delete(signed_in: Client, user: User) -> None:
    row = make_configuration(user, name="Mine")
    signed_in.post(reverse("configuration_duplicate", args=[row.pk]))
    assert Configuration.objects.filter(name="Mine (copy)").exists()
    signed_in.post(reverse("configuration_delete", args=[row.pk]))
    assert [row.name for row in Configuration.objects.all()] == ["Mine (copy)"]


@pytest.mark.parametrize("way", ["vote", "split", "rows", "gate", "nonsense"])
def test_every_way_to_begin_opens(signed_in: Client, way: str) -> None:
    page = signed_in.get(reverse("configuration_new"), {"way": way})
    assert page.status_code == 200
    assert "Before you launch" in page.text


def test_a_new_run_can_start_from_a_dataset(signed_in: Client, user: User) -> None:
    dataset = Dataset.objects.create(owner=user, name="Texts", kind="documents")
    page = signed_in.get(reverse("configuration_new"), {"way": "split", "dataset": dataset.pk})
    assert '<option value="Texts" selected>' in page.text

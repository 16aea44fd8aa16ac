"""Plain functions that make rows with sensible values; what a test cares about it says itself."""

from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from runs.models import (
    Answer,
    Attempt,
    Branch,
    Configuration,
    Connection,
    Dataset,
    DatasetItem,
    Join,
    Pass,
    Revision,
    Run,
    Template,
    TemplateVersion,
    row_id,
)

_numbers = count(1)


def voting_spec(**changes: Any) -> dict[str, Any]:
    """A complete voting configuration, as the file and the form carry it."""
    spec: dict[str, Any] = {
        "name": "Ticket triage",
        "pattern": "voting",
        "join": {
            "method": "majority",
            "reader": {"kind": "choice", "choices": ["billing", "bug", "other"]},
        },
        "on_failure": {"policy": "mark_gaps"},
        "votes": {"samples": 3},
        "prompts": [{"name": "Classify", "text": "Classify: {{ input }}"}],
        "call": {"connection": "Simulated", "model": "simulated", "max_tokens": 60},
    }
    return {**spec, **changes}


def sectioning_spec(**changes: Any) -> dict[str, Any]:
    """A complete sectioning configuration: one branch a document, joined by concatenation."""
    spec: dict[str, Any] = {
        "name": "Incident review",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "on_failure": {"policy": "mark_gaps"},
        "split": {"by": "document"},
        "prompts": [{"name": "Summarise", "text": "Summarise: {{ document.text }}"}],
        "call": {"connection": "Simulated", "model": "simulated", "max_tokens": 60},
    }
    return {**spec, **changes}


def make_user(username: str = "", **values: Any) -> User:
    return User.objects.create_user(username or f"user{next(_numbers)}", **values)


def make_connection(owner: User, **values: Any) -> Connection:
    values.setdefault("name", f"Simulated {next(_numbers)}")
    values.setdefault("kind", Connection.Kind.SIMULATED)
    return Connection.objects.create(owner=owner, **values)


def make_template(owner: User, text: str = "Summarise: {{ input }}", **values: Any) -> Template:
    """A template with its first version."""
    values.setdefault("name", f"Template {next(_numbers)}")
    template = Template.objects.create(owner=owner, **values)
    TemplateVersion.objects.create(template=template, number=1, text=text, variables=["input"])
    return template


def make_configuration(
    owner: User, spec: dict[str, Any] | None = None, **values: Any
) -> Configuration:
    """A configuration with its first revision."""
    values.setdefault("name", f"Configuration {next(_numbers)}")
    configuration = Configuration.objects.create(owner=owner, **values)
    content = {**(spec or voting_spec()), "name": configuration.name}
    Revision.objects.create(configuration=configuration, number=1, spec=content)
    return configuration


def make_dataset(owner: User, texts: list[str] | None = None, **values: Any) -> Dataset:
    values.setdefault("name", f"Data set {next(_numbers)}")
    dataset = Dataset.objects.create(owner=owner, kind=Dataset.Kind.DOCUMENTS, **values)
    for position, text in enumerate(texts or ["first", "second"]):
        DatasetItem.objects.create(
            dataset=dataset,
            position=position,
            label=f"Document {position + 1}",
            fields={"document.text": text, "document.label": f"Document {position + 1}"},
        )
    return dataset


def make_run(owner: User, branches: int = 0, **values: Any) -> Run:
    """A launched run with its root join and first pass, and `branches` pending votes."""
    number = next(_numbers)
    values = {
        "name": f"Run {number}",
        "number": number,
        "pattern": "voting",
        "method": "majority",
        "spec": voting_spec(),
        "branches_planned": branches,
        "planned_at": timezone.now(),
        **values,
    }
    run = Run.objects.create(owner=owner, **values)
    Pass.objects.create(run=run, n=1)
    make_join(run, children=branches)
    for index in range(branches):
        make_branch(run, number=index)
    return run


def make_join(run: Run, number: int = 0, **values: Any) -> Join:
    values.setdefault("children", 1)
    return Join.objects.create(id=row_id(run.pk, number), run=run, number=number, **values)


def make_branch(run: Run, number: int = 0, answer: str | None = None, **values: Any) -> Branch:
    values = {
        "join_number": 0,
        "role": "vote",
        "index": number,
        "connection": "Simulated",
        "model": "simulated",
        **values,
    }
    branch = Branch.objects.create(id=row_id(run.pk, number), run=run, number=number, **values)
    if answer is not None:
        Answer.objects.create(branch=branch, text=answer)
    return branch


def make_attempt(branch: Branch, number: int = 1, **values: Any) -> Attempt:
    values = {"uuid": f"{branch.pk:x}-{number}", "ready_ms": 0, "admitted_ms": 0, **values}
    return Attempt.objects.create(run=branch.run, branch=branch, number=number, **values)

"""Prompt templates: a change is always a new version, an old version never changes."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from runs.domain.errors import InvalidInput
from runs.models import Template, TemplateVersion
from runs.planning import rendering

LONGEST_TEMPLATE = 200_000


@transaction.atomic
def create_template(
    *, owner: User, name: str, text: str, system: str = "", note: str = ""
) -> Template:
    """A new template with its version 1. Raises `InvalidInput` for a taken name or a bad text."""
    variables = _variables(text, system)
    try:
        with transaction.atomic():
            template = Template.objects.create(owner=owner, name=name)
    except IntegrityError:
        raise InvalidInput("You have a template of this name already.", "name") from None
    _write(template, 1, text, system, variables, note)
    return template


@transaction.atomic
def add_version(
    *, template: Template, text: str, system: str = "", note: str = ""
) -> TemplateVersion:
    """Write the next version, or give back the newest when nothing in it changed."""
    variables = _variables(text, system)
    Template.objects.select_for_update().get(pk=template.pk)
    newest = template.versions.first()
    if newest and (newest.text, newest.system) == (text, system):
        return newest
    return _write(template, newest.number + 1 if newest else 1, text, system, variables, note)


@transaction.atomic
def change_template(
    *, template: Template, name: str, text: str, system: str = "", note: str = ""
) -> TemplateVersion:
    """Rename a template and write its next version. Raises `InvalidInput`, changing nothing."""
    if name != template.name:
        rename_template(template=template, name=name)
    return add_version(template=template, text=text, system=system, note=note)


@transaction.atomic
def rename_template(*, template: Template, name: str) -> None:
    template.name = name
    try:
        with transaction.atomic():
            template.save(update_fields=["name"])
    except IntegrityError:
        raise InvalidInput("You have a template of this name already.", "name") from None


@transaction.atomic
def archive_template(*, template: Template) -> None:
    """Take a template out of the lists; configurations that use it go on working."""
    template.archived_at = timezone.now()
    template.save(update_fields=["archived_at"])


@transaction.atomic
def restore_template(*, template: Template) -> None:
    template.archived_at = None
    template.save(update_fields=["archived_at"])


def _write(
    template: Template, number: int, text: str, system: str, variables: list[str], note: str
) -> TemplateVersion:
    return TemplateVersion.objects.create(
        template=template, number=number, text=text, system=system, variables=variables, note=note
    )


def _variables(text: str, system: str) -> list[str]:
    if not text.strip():
        raise InvalidInput("Write the prompt.", "text")
    if len(text) + len(system) > LONGEST_TEMPLATE:
        raise InvalidInput(f"A template has at most {LONGEST_TEMPLATE:,} characters.", "text")
    if rendering.variables(system):
        raise InvalidInput(
            "The system prompt is sent as it stands: fill in names in the prompt.", "system"
        )
    return list(rendering.variables(text))

"""Run configurations: every change is a revision; a launched run keeps its own frozen copy."""

from collections.abc import Sequence
from functools import partial

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.plan import Item
from runs.models import REMOTE_KINDS, Configuration, Revision, Run
from runs.planning import configuration as configurations
from runs.planning.shape import Provider
from runs.queries.configurations import free_name, newest_revision
from runs.services.launching import launch_run


@transaction.atomic
def save_configuration(
    *, owner: User, row: Configuration | None, configuration: configurations.Configuration
) -> Configuration:
    """Write a configuration; a revision is added only when something in it changed.

    Raises `InvalidConfiguration` for a taken name and for what this user may not ask for.
    """
    check_allowed(owner, configuration)
    row = row or Configuration(owner=owner)
    row.name = configuration.name
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        taken = InvalidInput("You have a configuration of this name already.", "name")
        raise InvalidConfiguration([taken]) from None
    _revise(row, configurations.dump(configuration))
    return row


def save_and_launch(
    *,
    owner: User,
    row: Configuration | None,
    configuration: configurations.Configuration,
    items: Sequence[Item],
    idempotency_key: str | None,
) -> Run:
    """Save a configuration and launch it. One key launches once, however often it is sent.

    Raises `InvalidConfiguration`, and `Conflict` for a key that launched something else.
    """
    launch = partial(
        launch_run,
        owner=owner,
        configuration=configuration,
        items=items,
        idempotency_key=idempotency_key,
    )
    if earlier := _launched(owner, idempotency_key):
        return launch(row=earlier.configuration)
    try:
        saved = save_configuration(owner=owner, row=row, configuration=configuration)
    except InvalidConfiguration:
        if earlier := _launched(owner, idempotency_key):  # by the other half of a double click
            return launch(row=earlier.configuration)
        raise
    return launch(row=saved)


@transaction.atomic
def duplicate_configuration(*, owner: User, row: Configuration) -> Configuration:
    """A copy under a free name, starting at revision 1."""
    name = free_name(owner, f"{row.name[:100]} (copy)")
    copy = Configuration.objects.create(owner=owner, name=name)
    _revise(copy, {**newest_revision(row).spec, "name": name})
    return copy


@transaction.atomic
def delete_configuration(*, row: Configuration) -> None:
    """Delete a configuration and its revisions; its runs stay."""
    row.delete()


def check_allowed(owner: User, configuration: configurations.Configuration) -> None:
    """Only admins may name an address or an environment variable of the server's, and nobody a
    file on it: what is read there is sent to a provider. Raises `InvalidConfiguration`."""
    errors = []
    provider, given = configuration.provider, configuration.input
    if provider and not owner.is_staff and _reaches_out(provider):
        errors.append(
            InvalidInput("Only an administrator may bring a provider along.", "provider.name")
        )
    if given and given.files is not None:
        errors.append(
            InvalidInput("Paths work on the command line only. Upload the files.", "input.files")
        )
    if errors:
        raise InvalidConfiguration(errors)


def _launched(owner: User, key: str | None) -> Run | None:
    rows = Run.objects.filter(owner=owner, idempotency_key=key).select_related("configuration")
    return rows.first() if key else None


def _reaches_out(provider: Provider) -> bool:
    return bool(provider.kind in REMOTE_KINDS or provider.base_url or provider.api_key_env)


def _revise(row: Configuration, spec: dict[str, object]) -> None:
    newest = row.revisions.order_by("-number").first()
    if newest and newest.spec == spec:
        return
    number = newest.number + 1 if newest else 1
    Revision.objects.create(configuration=row, number=number, spec=spec)

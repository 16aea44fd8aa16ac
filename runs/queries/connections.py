"""Provider connections of one owner."""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from runs.models import Connection


def connections_of(owner: User) -> QuerySet[Connection]:
    return Connection.objects.filter(owner=owner).defer("api_key")


def connection(owner: User, connection_id: int) -> Connection:
    return get_object_or_404(Connection, owner=owner, pk=connection_id)


def by_name(owner: User) -> dict[str, Connection]:
    return {row.name: row for row in Connection.objects.filter(owner=owner)}

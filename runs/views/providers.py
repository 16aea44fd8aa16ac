"""Provider connections: list, edit, test, delete."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs.domain.errors import InvalidInput
from runs.forms.connections import ConnectionForm
from runs.models import Connection
from runs.queries import connections as queries
from runs.services import connections as services
from runs.views.requests import Request

KEY_ERASED = "The address changed, so the stored key was erased. Enter the key for it."


@require_safe
def providers(request: Request) -> HttpResponse:
    rows = queries.connections_of(request.user)
    return render(request, "runs/providers.html", {"nav": "providers", "rows": rows})


@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "POST"])
def provider_new(request: Request) -> HttpResponse:
    form = ConnectionForm(request.POST or None, request.FILES or None, owner=request.user)
    return _saved(request, form, None) or _page(request, form, None)


@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "POST"])
def provider(request: Request, connection_id: int) -> HttpResponse:
    connection = queries.connection(request.user, connection_id)
    data, files = request.POST or None, request.FILES or None
    form = ConnectionForm(data, files, owner=request.user, stored=connection)
    return _saved(request, form, connection) or _page(request, form, connection)


@require_POST
def provider_test(request: Request, connection_id: int) -> HttpResponse:
    """Ask the provider now; for htmx only what came of it."""
    connection = queries.connection(request.user, connection_id)
    services.test_connection(connection=connection)
    if request.htmx:
        return render(request, "runs/_provider_test.html", {"connection": connection})
    return redirect("provider", connection.pk)


@require_POST
def provider_forget_key(request: Request, connection_id: int) -> HttpResponse:
    connection = queries.connection(request.user, connection_id)
    services.forget_key(connection=connection)
    messages.success(request, "The stored key is erased.")
    return redirect("provider", connection.pk)


@require_POST
def provider_delete(request: Request, connection_id: int) -> HttpResponse:
    connection = queries.connection(request.user, connection_id)
    services.delete_connection(connection=connection)
    messages.success(request, f"“{connection.name}” is deleted, with its key.")
    return redirect("providers")


def _saved(
    request: Request, form: ConnectionForm, connection: Connection | None
) -> HttpResponse | None:
    """The redirect after a good POST; None where the page is to be shown."""
    if request.method != "POST" or not form.is_valid():
        return None
    owner = request.user
    try:
        values = form.values()
        row = services.save_connection(owner=owner, connection=connection, values=values)
    except InvalidInput as invalid:
        form.add_error(invalid.field if invalid.field in form.fields else None, invalid.message)
        return None
    messages.success(request, f"“{row.name}” is saved. Test the connection before you use it.")
    if form.has_key and not row.api_key:
        messages.warning(request, KEY_ERASED)
    return redirect("provider", row.pk)


def _page(request: Request, form: ConnectionForm, connection: Connection | None) -> HttpResponse:
    context = {
        "nav": "providers",
        "form": form,
        "connection": connection,
        "addresses": services.KNOWN_ADDRESSES,
    }
    status = 422 if form.errors else 200
    return render(request, "runs/provider.html", context, status=status)

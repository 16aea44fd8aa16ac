"""What a run's page asks for beside reading: its state as JSON, and a person's wishes."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from runs.domain.errors import Conflict, InvalidConfiguration
from runs.live import wire
from runs.live.watching import MOST_WATCHED
from runs.models import Run
from runs.models.runs import ROWS_A_RUN
from runs.services import launching
from runs.services import runs as services

CONFLICT = 409
BAD_REQUEST = 400
MOST_SEQ = 1 << 62


@require_GET
def state(request: HttpRequest, run_id: int) -> HttpResponse:
    """What a WebSocket would have sent, for browsers without one: `?after=seq&watch=1,2`."""
    run = _run_of(request, run_id)
    try:
        after = _number(request.GET.get("after", "0"), MOST_SEQ)
        watched = [_number(n, ROWS_A_RUN) for n in request.GET.get("watch", "").split(",") if n]
    except ValueError:
        return _plain("`after` and `watch` are whole numbers.", BAD_REQUEST)
    if len(watched) > MOST_WATCHED:
        return _plain(f"At most {MOST_WATCHED} branches can be watched.", BAD_REQUEST)
    try:
        frames = wire.encoded_frames(run.pk, after, watched)
    except Run.DoesNotExist as error:  # deleted since
        raise Http404 from error
    return HttpResponse(f'{{"frames":[{",".join(frames)}]}}', content_type="application/json")


@require_POST
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    return _do(request, run_id, services.cancel)


@require_POST
def hold(request: HttpRequest, run_id: int) -> HttpResponse:
    return _do(request, run_id, services.hold)


@require_POST
def go_on(request: HttpRequest, run_id: int) -> HttpResponse:
    return _do(request, run_id, services.go_on)


@require_POST
def baseline(request: HttpRequest, run_id: int) -> HttpResponse:
    return _do(request, run_id, services.ask_baseline)


@require_POST
def again(request: HttpRequest, run_id: int) -> HttpResponse:
    """Launch the same once more and go to the new run."""
    run = _run_of(request, run_id)
    try:
        new = launching.run_again(
            run=run, idempotency_key=request.POST.get("idempotency_key") or None
        )
    except (Conflict, InvalidConfiguration) as error:
        return _refused(request, run, error)
    return _go(request, reverse("run", args=[new.pk]))


@require_POST
def delete(request: HttpRequest, run_id: int) -> HttpResponse:
    run = _run_of(request, run_id)
    try:
        services.delete(run=run)
    except Conflict as error:
        return _refused(request, run, error)
    return _go(request, reverse("runs"))


def _do(request: HttpRequest, run_id: int, act: Callable[..., None]) -> HttpResponse:
    """The page follows by itself; without JavaScript it is shown again."""
    run = _run_of(request, run_id)
    try:
        act(run=run)
    except Conflict as error:
        return _refused(request, run, error)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    return redirect("run", run.pk)


def _run_of(request: HttpRequest, run_id: int) -> Run:
    return get_object_or_404(Run, pk=run_id, owner_id=request.user.pk)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _refused(request: HttpRequest, run: Run, error: Exception) -> HttpResponse:
    """409: a page that says why and leads back; for a script, the words alone."""
    if request.htmx:  # type: ignore[attr-defined]
        return _plain(str(error), CONFLICT)
    context = {"text": str(error), "run": run, "nav": "runs"}
    return render(request, "409.html", context, status=CONFLICT)


def _plain(message: str, status: int) -> HttpResponse:
    return HttpResponse(message, status=status, content_type="text/plain; charset=utf-8")


def _number(text: str, below: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < below):
        raise ValueError(text)
    return int(text)

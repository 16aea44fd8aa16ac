"""Trying the editor's join on pasted answers: a fragment of the editor."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy, OnFailure
from runs.forms.configuration import ConfigurationForm
from runs.planning.variations import variations
from runs.presenters.trying import shown
from runs.services.trying import Trial, answers_of, try_join
from runs.views.requests import Request


@require_POST
def configuration_try(request: Request) -> HttpResponse:
    """The outcome of the pasted answers under the join that is typed now."""
    form = ConfigurationForm(request.POST)
    context: dict[str, object] = {}
    try:
        answers = answers_of(request.POST.get("answers", ""))
        if answers:
            tried = try_join(owner=request.user, trial=_trial(form), answers=answers)
            context = {"tried": shown(tried)}
    except InvalidConfiguration as invalid:
        context = {"summary": form.labelled(invalid.errors)}
    except InvalidInput as invalid:
        context = {"refused": invalid.message}
    return render(request, "runs/_try_outcome.html", context)


def _trial(form: ConfigurationForm) -> Trial:
    join = form.join_alone()
    values = form.cleaned_data
    model = str(values.get("call.model") or "")
    is_vote = values.get("pattern") == "voting"
    voters = variations(form.configuration) if is_vote and form.is_valid() else ()
    return Trial(
        join=join,
        policy=_policy(values.get("on_failure.policy"), values.get("on_failure.least")),
        connection=str(values.get("call.connection") or ""),
        model=model,
        voters=tuple(one.label or model for one in voters),
        role=Role.VOTE if is_vote else Role.SECTION,
    )


def _policy(chosen: object, least: object) -> FailurePolicy:
    """The failure policy; where none is chosen yet, gaps are marked."""
    known = {policy.value: policy for policy in OnFailure}
    usable = least if isinstance(least, int) else 1
    return FailurePolicy(known.get(str(chosen), OnFailure.MARK_GAPS), max(usable, 1))

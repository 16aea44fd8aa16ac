"""Addresses of the pages, by room. Names are what templates and redirects use."""

from django.urls import path

from runs.views import (
    access,
    account,
    configuration_files,
    configurations,
    datasets,
    nested,
    overview,
    passes,
    providers,
    run,
    run_actions,
    runs,
    templates,
    trying,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    # Runs
    path("runs/", runs.runs, name="runs"),
    path("runs/<int:run_id>/", run.page, name="run"),
    path("runs/<int:run_id>/rows/<int:position>/", nested.row, name="run_row"),
    path("runs/<int:run_id>/curve", nested.curve, name="run_curve"),
    path("runs/<int:run_id>/panel", run.panel, name="run_panel"),
    path("runs/<int:run_id>/limits", run.limits, name="run_limits"),
    path("runs/<int:run_id>/flight", nested.flight, name="run_flight"),
    path("runs/<int:run_id>/branches/<int:number>/", run.branch, name="run_branch"),
    path("runs/<int:run_id>/export.<str:kind>", run.export, name="run_export"),
    path("runs/<int:run_id>/state", run_actions.state, name="run_state"),
    path("runs/<int:run_id>/cancel", run_actions.cancel, name="run_cancel"),
    path("runs/<int:run_id>/hold", run_actions.hold, name="run_hold"),
    path("runs/<int:run_id>/go-on", run_actions.go_on, name="run_go_on"),
    path("runs/<int:run_id>/baseline", run_actions.baseline, name="run_baseline"),
    path("runs/<int:run_id>/again", run_actions.again, name="run_again"),
    path("runs/<int:run_id>/delete", run_actions.delete, name="run_delete"),
    path("runs/<int:run_id>/join-again/", passes.join_again, name="run_join_again"),
    path("runs/<int:run_id>/join-again/preview", passes.preview, name="run_join_preview"),
    path("runs/<int:run_id>/compare/", passes.compare, name="run_compare"),
    path("runs/<int:run_id>/passes", passes.pass_list, name="run_passes"),
    path("runs/<int:run_id>/passes/cancel", passes.cancel, name="run_pass_cancel"),
    path("runs/<int:run_id>/passes/<int:n>/count", passes.count, name="run_pass_count"),
    # Configurations
    path("configurations/", configurations.configurations, name="configurations"),
    path("configurations/new/", configurations.configuration_new, name="configuration_new"),
    path("configurations/plan", configurations.configuration_plan, name="configuration_plan"),
    path(
        "configurations/<int:configuration_id>/plan",
        configurations.configuration_plan,
        name="configuration_plan",
    ),
    path("configurations/try", trying.configuration_try, name="configuration_try"),
    path("configurations/upload", configurations.configuration_upload, name="configuration_upload"),
    path("configurations/launch", configurations.configuration_launch, name="configuration_launch"),
    path(
        "configurations/import/",
        configuration_files.configuration_import,
        name="configuration_import",
    ),
    path(
        "configurations/<int:configuration_id>/",
        configurations.configuration,
        name="configuration",
    ),
    path(
        "configurations/<int:configuration_id>/launch",
        configurations.configuration_launch,
        name="configuration_launch",
    ),
    path(
        "configurations/<int:configuration_id>/export.yaml",
        configuration_files.configuration_export,
        name="configuration_export",
    ),
    path(
        "configurations/<int:configuration_id>/duplicate",
        configuration_files.configuration_duplicate,
        name="configuration_duplicate",
    ),
    path(
        "configurations/<int:configuration_id>/delete",
        configuration_files.configuration_delete,
        name="configuration_delete",
    ),
    # Prompt templates
    path("templates/", templates.prompt_templates, name="prompt_templates"),
    path("templates/new/", templates.prompt_template_new, name="prompt_template_new"),
    path("templates/<int:template_id>/", templates.prompt_template, name="prompt_template"),
    path(
        "templates/<int:template_id>/preview/",
        templates.prompt_template_preview,
        name="prompt_template_preview",
    ),
    path(
        "templates/<int:template_id>/diff/",
        templates.prompt_template_diff,
        name="prompt_template_diff",
    ),
    path(
        "templates/<int:template_id>/archive",
        templates.prompt_template_archive,
        name="prompt_template_archive",
    ),
    # Datasets
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/new/", datasets.dataset_new, name="dataset_new"),
    path("datasets/<int:dataset_id>/", datasets.dataset, name="dataset"),
    path("datasets/<int:dataset_id>/delete", datasets.dataset_delete, name="dataset_delete"),
    # Providers
    path("providers/", providers.providers, name="providers"),
    path("providers/new/", providers.provider_new, name="provider_new"),
    path("providers/<int:connection_id>/", providers.provider, name="provider"),
    path("providers/<int:connection_id>/test", providers.provider_test, name="provider_test"),
    path(
        "providers/<int:connection_id>/forget-key",
        providers.provider_forget_key,
        name="provider_forget_key",
    ),
    path("providers/<int:connection_id>/delete", providers.provider_delete, name="provider_delete"),
    # The person
    path("settings/", account.settings, name="settings"),
    path("sign-in/", access.sign_in, name="sign_in"),
    path("sign-in/<str:token>/", access.sign_in_link, name="sign_in_link"),
    path("sign-out/", access.sign_out, name="sign_out"),
]

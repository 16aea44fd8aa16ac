"""How this installation's engine loop is set: from Django's settings, for whoever starts one."""

from django.conf import settings

from runs.execution.loop import LoopSettings

SWEEP_EMBEDDED_S = 1.0
SWEEP_CLUSTER_S = 10.0


def loop_settings() -> LoopSettings:
    """Embedded, the holder of the data directory's lock is alone; a cluster's workers never are."""
    return LoopSettings(
        runs_at_once=settings.PARWEB_RUNS_PER_PROCESS,
        sweep_s=SWEEP_CLUSTER_S if settings.IS_CLUSTER else SWEEP_EMBEDDED_S,
        is_alone=not settings.IS_CLUSTER,
        workers=settings.PARWEB_WORKERS if settings.IS_CLUSTER else 1,
        redis_url=settings.PARWEB_REDIS_URL,
        private_hosts=tuple(settings.PARWEB_PRIVATE_HOSTS),
    )

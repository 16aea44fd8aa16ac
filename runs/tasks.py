"""Celery's part: a doorbell. The work itself is claimed from the database."""

from celery import shared_task

from runs.execution import loop


@shared_task(name="runs.execute", ignore_result=True)
def execute_run(run_id: int) -> None:
    loop.offer(run_id)

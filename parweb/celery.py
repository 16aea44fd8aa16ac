"""The Celery app. A worker process imports `parweb.worker` when it starts, the web never does."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parweb.settings")

app = Celery("parweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.include = ["parweb.worker"]
app.autodiscover_tasks()

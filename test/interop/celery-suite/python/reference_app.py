"""Celery's own tasks for a Python worker that runs outside of the tests: the column that ours is compared with."""
import os

from celery import Celery
from celery.contrib.testing import tasks as _ping  # noqa: F401  (registers celery.ping)
from t.integration.tasks import ClassBasedAutoRetryTask

app = Celery('celery.tests')
app.conf.update(
    broker_url=os.environ['TEST_BROKER'],
    result_backend=os.environ['TEST_BACKEND'],
    result_extended=True,
    task_create_missing_queues=False,
    imports=['t.integration.tasks'],
)
app.set_default()
app.register_task(ClassBasedAutoRetryTask)

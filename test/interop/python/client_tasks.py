"""Tasks of a stock Celery worker, for the tests that call it from TypeScript."""

import os
import time

from celery import Celery

PREFIX = os.environ["CELERIAC_TEST_PREFIX"]

app = Celery(
    "client_tasks",
    broker=os.environ["TEST_AMQP_URL"],
    backend=os.environ["CELERIAC_TEST_BACKEND"],
)
app.conf.update(
    control_exchange=f"{PREFIX}celery",
    event_exchange=f"{PREFIX}celeryev",
    event_queue_prefix=f"{PREFIX}celeryev",
    task_default_queue=f"{PREFIX}celery",
    result_backend_transport_options={"global_keyprefix": os.environ.get("CELERIAC_TEST_KEY_PREFIX", "")},
    task_track_started=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="tasks.add")
def add(x, y=0):
    return x + y


@app.task(name="tasks.total")
def total(numbers):
    return sum(numbers)


@app.task(name="tasks.echo")
def echo(*args, **kwargs):
    return [list(args), kwargs]


@app.task(name="tasks.fail")
def fail(text):
    raise ValueError(text, 42)


@app.task(name="tasks.nap")
def nap(seconds):
    time.sleep(seconds)
    return "rested"


@app.task(name="tasks.flaky", bind=True, max_retries=3, default_retry_delay=0)
def flaky(self, failures):
    if self.request.retries < failures:
        raise self.retry(exc=OSError("not yet"), countdown=0)
    return self.request.retries


@app.task(name="tasks.children", bind=True)
def children(self):
    add.delay(1, 1)
    add.delay(2, 2)
    return "parent"


@app.task(name="tasks.store", bind=True)
def store(self, value, key):
    """An effect for callbacks, readable in Redis."""
    self.backend.set(os.environ["CELERIAC_TEST_KEY_PREFIX"] + key, str(value))

"""A stock Celery worker as a Celeriac worker: `celery -A celeriac.celery_app worker -Q celeriac.local`.

The broker comes from CELERIAC_AMQP_URL. The task acknowledges late and survives a lost worker, as our own worker does.
Celery is imported here only: the rest of the package does not need it.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from .operator_task import execute

TASK_NAME = "celeriac.run_operator"

# The schedulers declare the executor queues, with arguments of their own (quorum, dead-letter exchange, a delivery
# limit). A worker that declared them with Celery's defaults would be refused (406), so it takes them as they are.
OWN_EXECUTORS = [name.strip() for name in os.environ.get("CELERIAC_EXECUTORS", "").split(",")]
EXECUTORS = ("local", "dc", *filter(None, OWN_EXECUTORS))
PREFIX = os.environ.get("CELERIAC_QUEUE_PREFIX", "")
QUEUES = [
    Queue(
        f"{PREFIX}celeriac.{executor}",
        Exchange("", no_declare=True),
        f"{PREFIX}celeriac.{executor}",
        # By this Celery knows that the queue takes no global prefetch count; it is not declared.
        queue_arguments={"x-queue-type": "quorum"},
        no_declare=True,
    )
    for executor in EXECUTORS
]

app = Celery("celeriac", broker=os.environ.get("CELERIAC_AMQP_URL", "amqp://"), backend="rpc://")
app.conf.update(
    task_queues=QUEUES,
    task_default_queue=QUEUES[0].name,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_track_started=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    # Executor queues are quorum queues, which know no global prefetch count.
    worker_detect_quorum_queues=True,
)


@app.task(bind=True, name=TASK_NAME, typing=False)
def run_operator(self: Any, **task: Any) -> dict[str, Any]:
    """Runs one operator task; progress becomes the state PROGRESS."""

    def report(current: float, total: float, message: str) -> None:
        self.update_state(state="PROGRESS", meta={"current": current, "total": total, "message": message})

    return execute(task, report if self.request.id else None)

"""A stock Celery worker as a Celeriac worker: `celery -A celeriac.celery_app worker -Q celeriac.local`.

The broker comes from CELERIAC_AMQP_URL. The task acknowledges late and survives a lost worker, as our own worker does.
Celery is imported here only: the rest of the package does not need it.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from .operator_task import execute

TASK_NAME = "celeriac.run_operator"

app = Celery("celeriac", broker=os.environ.get("CELERIAC_AMQP_URL", "amqp://"), backend="rpc://")
app.conf.update(
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

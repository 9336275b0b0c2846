"""Celery's result backends, for the tests beside: one JSON object per line in, one out."""

import json
import os
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from celery import Celery, states
from celery.app.task import Context
from celery.result import AsyncResult, GroupResult, result_from_tuple
from kombu.utils.json import dumps

VALUES = {
    "scalars": [None, True, -1, 1.5, 2**64, "标签 \x00\U0001f600"],
    "nested": {"a": [1, {"b": [[], {}]}], "": "x"},
    "datetime": datetime(2026, 11, 21, 13, 37, 0, 123456, tzinfo=UTC),
    "date": date(2026, 11, 21),
    "decimal": Decimal("1.50"),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "bytes": b"\xff\x00",
}


class ShopError(Exception):
    """Not importable by its module name elsewhere."""


def app_for(backend, broker="memory://", **conf):
    app = Celery("peer", broker=broker, backend=backend, set_as_current=False)
    app.conf.update(result_extended=True, task_create_missing_queues=True, **conf)
    app.conf.result_backend_transport_options = {"global_keyprefix": os.environ["KEY_PREFIX"]}
    return app


redis_app = app_for(os.environ["TEST_REDIS_URL"])
compressing_app = app_for(os.environ["TEST_REDIS_URL"], result_compression="gzip")
rpc_app = app_for("rpc://", broker=os.environ["TEST_AMQP_URL"])
calls = {}


def request_of(task):
    return Context(
        id=task["task_id"],
        task="tasks.add",
        args=[1, 2],
        kwargs={"z": None},
        hostname="python@host",
        retries=1,
        group=task.get("group"),
        group_index=task.get("group_index"),
        parent_id=task.get("parent_id"),
        chord=task.get("chord"),
        chain=None,
        errbacks=None,
        _children=[result_from_tuple(child, redis_app) for child in task.get("children", [])],
        stamps={"tenant": "acme"},
        stamped_headers=["tenant"],
        delivery_info={"routing_key": "celery"},
        reply_to=task.get("reply_to"),
        correlation_id=task["task_id"],
    )


def value_of(task):
    if "error" in task:
        return {"ValueError": ValueError("bad", 1), "ShopError": ShopError("no tea")}[task["error"]]
    return VALUES[task["value"]] if "value" in task else task.get("result")


def store(task):
    app = rpc_app if task.get("reply_to") else compressing_app if task.get("compressed") else redis_app
    traceback = "Traceback of Python" if "error" in task else None
    app.backend.store_result(task["task_id"], value_of(task), task["state"], traceback, request=request_of(task))


def get(task):
    """Wait for a result as a client does."""
    result = calls.get(task["task_id"]) or AsyncResult(task["task_id"], app=redis_app)
    value = result.get(timeout=20, propagate=False)
    answer = {"state": result.state, "traceback": result.traceback}
    if isinstance(value, Exception):
        kind = type(value)
        return {**answer, "error": [kind.__module__, kind.__qualname__, json.loads(dumps(value.args))]}
    same = task.get("same")
    return {**answer, **({"is_same": repr(value) == repr(VALUES[same])} if same else {"value": value})}


def meta(task):
    """What the client knows beside the value."""
    result = AsyncResult(task["task_id"], app=redis_app)
    fields = ("name", "args", "kwargs", "worker", "retries", "queue")
    children = [child.as_tuple() for child in result.children or []]
    done = result.date_done and result.date_done.isoformat()
    return {**{field: getattr(result, field) for field in fields}, "children": children, "date_done": done}


def save_group(group):
    result_from_tuple(group["result"], redis_app).save(backend=redis_app.backend)


def restore_group(group):
    result = GroupResult.restore(group["group_id"], app=redis_app)
    return {"tuple": result.as_tuple(), "values": result.join(timeout=20)}


def set_chord_size(chord):
    redis_app.backend.set_chord_size(chord["group_id"], chord["size"])


def part(task):
    """A header member ends on this worker. Gives the bodies that it published."""
    body = redis_app.signature("tasks.body", queue="bodies", task_id=f"body-of-{task['group']}")
    request = request_of({**task, "chord": body})
    if task["state"] == states.SUCCESS:
        redis_app.backend.mark_as_done(task["task_id"], value_of(task), request=request)
    else:
        redis_app.backend.mark_as_failure(task["task_id"], value_of(task), request=request, traceback="Traceback")
    return published()


def published():
    bodies = []
    with redis_app.connection_for_read() as connection:
        queue = connection.SimpleQueue(redis_app.amqp.queues["bodies"])
        while True:
            try:
                message = queue.get_nowait()
            except queue.Empty:
                return bodies
            message.ack()
            bodies.append({"id": message.headers["id"], "args": message.payload[0]})


def call(request):
    """Send a task whose result comes over rpc://."""
    result = rpc_app.send_task("tasks.add", [2, 2], queue=request["queue"])
    calls[result.id] = result
    return result.id


OPERATIONS = {f.__name__: f for f in (store, get, meta, save_group, restore_group, set_chord_size, part, call)}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[request["do"]](request)}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)

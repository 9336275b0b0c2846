"""A Celery application that sends tasks and reads them, for the tests beside: one JSON object per line in, one out."""

import json
import os
import sys

from celeriac.signing import sign_tasks
from celery import Celery, chain, group
from celery.worker.request import Request
from kombu import Exchange, Queue
from kombu.serialization import enable_insecure_serializers

BROKER = os.environ["TEST_AMQP_URL"]


def app_for(queue, backend="rpc://", **conf):
    app = Celery("peer", broker=BROKER, backend=backend, set_as_current=False)
    app.conf.update(
        accept_content=["json", "yaml", "msgpack"],
        task_queues=[Queue(queue, Exchange(queue), routing_key=queue)],
        task_default_queue=queue,
        broker_transport_options={"confirm_publish": True},
        **conf,
    )

    @app.task(name="tasks.add")
    def add(x, y=0):
        return x + y

    return app


def send(request):
    app = app_for(request["queue"])
    if key := request.get("key"):
        sign_tasks(app, key["id"], key["secret"])
    result = app.send_task("tasks.add", request["args"], request.get("kwargs"), **request.get("options", {}))
    return result.id


def send_canvas(request):
    app = app_for(request["queue"], backend="cache+memory://")
    add = app.tasks["tasks.add"]
    work = chain(add.s(1, 1), group(add.s(2), add.s(3)), add.s(4)).on_error(add.si(0, 0))
    return work.apply_async().id


def send_protocol_1(request):
    app = app_for(request["queue"], task_protocol=1)
    return app.send_task("tasks.add", request["args"], countdown=5).id


def send_delayed(request):
    """As the documentation of Celery says: a quorum queue behind a topic exchange."""
    queue = request["queue"]
    app = app_for(queue)
    quorum = {"x-queue-type": "quorum"}
    app.conf.task_queues = [Queue(queue, Exchange(queue, type="topic"), routing_key=queue, queue_arguments=quorum)]
    app.conf.task_default_exchange_type = "topic"
    app.conf.task_default_queue_type = "quorum"
    return app.send_task("tasks.add", [2, 2], countdown=request["countdown"], queue=queue).id


def take(request):
    """Read one message as a worker does."""
    app = app_for(request["queue"])
    with app.connection_for_read() as connection:
        simple = connection.SimpleQueue(app.amqp.queues[request["queue"]])
        message = simple.get(timeout=10)
        read = Request(message, app=app, hostname="peer", task=app.tasks["tasks.add"])
        args, kwargs, embed = message.payload
        answer = {
            "id": read.id,
            "args": repr(args),
            "kwargs": repr(kwargs),
            "embed": embed,
            "eta": read.eta and read.eta.isoformat(),
            "expires": read.expires and read.expires.isoformat(),
            "time_limits": read.time_limits,
            "root_id": read.root_id,
            "parent_id": read.parent_id,
            "group": read.group,
            "group_index": read.group_index,
            "reply_to": read.reply_to,
            "correlation_id": read.correlation_id,
            "argsrepr": read.argsrepr,
            "retries": message.headers["retries"],
            "headers": {name: message.headers[name] for name in request["headers"]},
            "priority": message.properties["priority"],
            "delivery_mode": message.properties["delivery_mode"],
            "app_id": message.properties.get("app_id"),
        }
        message.ack()
        simple.close()
    return answer


enable_insecure_serializers(["yaml", "msgpack"])
OPERATIONS = {f.__name__: f for f in (send, send_canvas, send_protocol_1, send_delayed, take)}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[request["do"]](request)}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)

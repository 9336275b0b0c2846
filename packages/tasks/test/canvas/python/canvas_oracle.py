"""What Python Celery makes of a canvas: one JSON request a line in, one JSON answer a line out.

A request names an operation and a shape; see `shape.ts` for the grammar of shapes. Nothing leaves the process: messages
and calls of the result backend are recorded instead of carried out.
"""

import json
import sys
import warnings

from celery import Celery, chain, chord, group, signature
from celery.app.trace import build_tracer
from celery.backends.base import BaseBackend
from celery.canvas import Signature, StampingVisitor, _chain, maybe_signature
from celery.exceptions import ChordError, Ignore
from celery.result import GroupResult
from kombu.utils.json import dumps

warnings.simplefilter("ignore")

journal = []


class RecordingBackend(BaseBackend):
    """Keeps chords as the redis backend does, and writes down what it is told."""

    persistent = True

    def __init__(self, *args, **kwargs):
        kwargs.pop("connection", None)
        super().__init__(*args, **kwargs)
        self.failed = set()

    def _store_result(self, task_id, result, state, traceback=None, request=None, **_):
        if state in ("FAILURE", "REVOKED"):
            self.failed.add(task_id)
        journal.append(
            {
                "kind": "store",
                "id": task_id,
                "state": state,
                "result": result,
                "children": self.current_task_children(request),
                "group": getattr(request, "group", None),
                "parent_id": getattr(request, "parent_id", None),
            }
        )

    def get_state(self, task_id):
        return "FAILURE" if task_id in self.failed else "PENDING"

    def apply_chord(self, header_result_args, body, **_):
        header = self.app.GroupResult(*header_result_args)
        if any(isinstance(result, GroupResult) for result in header.results):
            journal.append({"kind": "save_group", "id": header.id, "result": header.as_tuple()})

    def set_chord_size(self, group_id, chord_size):
        journal.append({"kind": "set_chord_size", "id": group_id, "size": chord_size})

    def add_to_chord(self, chord_id, result):
        journal.append({"kind": "grow_chord", "id": chord_id, "members": 1})

    def on_chord_part_return(self, request, state, result, **_):
        if not request.group or not request.id:
            return
        journal.append(
            {
                "kind": "return_part",
                "id": request.id,
                "group": request.group,
                "group_index": request.group_index,
                "state": state,
                "result": self.encode_result(result, state),
                "body": request.chord,
            }
        )


app = Celery("oracle", broker="memory://", set_as_current=True)
app.conf.update(task_ignore_result=False, result_chord_ordered=True)
app._local.backend = RecordingBackend(app=app)
app.backend_cls = RecordingBackend


def flat(tasks):
    """Members of a group with the groups among them dissolved, in the order as written, and without empty chains."""
    for task in tasks:
        task = maybe_signature(task, app=app)
        if isinstance(task, group):
            yield from flat(task.tasks)
        elif not isinstance(task, _chain) or task.tasks:
            yield task


def in_order(method):
    """Celery reverses a group inside of a group when it freezes it, and numbers its members from 0 when it is sent.

    Celeriac keeps the order as written and numbers through; that one difference is taken out here.
    """

    def ordered(self, tasks, *args, **kwargs):
        return method(self, list(flat(tasks)), *args, **kwargs)

    return ordered


def freeze_in_order(method):
    def ordered(self, *args, **kwargs):
        self.tasks = list(flat(self.tasks))
        return method(self, *args, **kwargs)

    return ordered


def wishes_only(method):
    """Celery lets an option of None, which its worker passes for a priority or a group, undo one that is set."""

    def filtered(self, args=None, kwargs=None, **options):
        wishes = {name: value for name, value in options.items() if value is not None}
        # A body that reports to an outer chord would be made to report to the group that its chord is in.
        if isinstance(self, chord) and self.body.options.get("group_id"):
            wishes.pop("group_id", None)
        return method(self, args, kwargs, **wishes)

    return filtered


def set_wishes(method):
    def filtered(self, immutable=None, **options):
        return method(self, immutable, **{name: value for name, value in options.items() if value is not None})

    return filtered


Signature.set = set_wishes(Signature.set)
for composite in (_chain, group, chord):
    composite.apply_async = wishes_only(composite.apply_async)
def forget_none(method):
    """A group that was frozen without a root has None for one, and then never gets another."""

    def forgetting(self, *args, **kwargs):
        for name in ("root_id", "parent_id"):
            if self.options.get(name) is None:
                self.options.pop(name, None)
        return method(self, *args, **kwargs)

    return forgetting


group._freeze_group_tasks = forget_none(group._freeze_group_tasks)
group._prepared = in_order(group._prepared)
group._freeze_unroll = freeze_in_order(group._freeze_unroll)


def parent_of(headers):
    """Celery makes a root its own parent when it retries or replaces it; Celeriac leaves it without one."""
    if headers["parent_id"] != headers["id"]:
        return headers["parent_id"]
    return app.current_worker_task.request.parent_id


def record(producer, name, message, **delivery):
    args, kwargs, embed = message.body
    headers = message.headers
    journal.append(
        {
            "kind": "publish",
            "id": headers["id"],
            "task": headers["task"],
            "args": args,
            "kwargs": kwargs,
            "root_id": headers["root_id"],
            "parent_id": parent_of(headers),
            "group": headers["group"],
            "group_index": headers["group_index"],
            "retries": headers["retries"],
            "nesting": headers["replaced_task_nesting"],
            "stamped_headers": headers["stamped_headers"],
            "stamps": headers["stamps"],
            "shadow": headers["shadow"],
            "delayed": headers["eta"] is not None,
            "reply_to": message.properties["reply_to"],
            "callbacks": embed["callbacks"],
            "errbacks": embed["errbacks"],
            "chain": embed["chain"],
            "chord": embed["chord"],
            "priority": delivery.get("priority"),
        }
    )


app.amqp.send_task_message = record


class Behaviour(Exception):
    """Raised by a task that is to fail."""


@app.task(name="oracle.act", bind=True)
def act(self, *_args, **_kwargs):
    plan = act.plan
    if plan["do"] == "return":
        return plan["value"]
    if plan["do"] == "fail":
        raise Behaviour(*plan["args"])
    if plan["do"] == "retry":
        raise self.retry(countdown=plan["countdown"], max_retries=None)
    if plan["do"] == "replace":
        raise self.replace(build(plan["with"]))
    if plan["do"] == "add_to_chord":
        self.add_to_chord(build(plan["with"]))
        return plan["value"]
    raise ValueError(plan["do"])


for letter in "abcdefghijklmnop":

    @app.task(name=f"t.{letter}")
    def anything(*args, **kwargs):
        return None


for letter in "abcdef":

    @app.task(name=f"old.{letter}")
    def old_errback(task_id):
        return None

    @app.task(name=f"new.{letter}")
    def new_errback(request, exc, traceback):
        journal.append({"kind": "call_errback", "id": request.id})


class Stamps(StampingVisitor):
    """Says which hook saw a signature."""

    def on_signature(self, sig, **headers):
        return {"on": "signature", "stamped_headers": ["on"]}

    def on_group_start(self, group, **headers):
        return {"in_group": True, "stamped_headers": ["in_group"]}

    def on_chain_start(self, chain, **headers):
        return {"in_chain": True, "stamped_headers": ["in_chain"]}

    def on_chord_body(self, sig, **headers):
        return {"body": True, "stamped_headers": ["body"]}

    def on_callback(self, callback, **headers):
        return {"callback": True, "stamped_headers": ["callback"]}

    def on_errback(self, errback, **headers):
        return {"errback": True, "stamped_headers": ["errback"]}


def build(shape):
    sig = build_bare(shape)
    if "set" in shape:
        sig.set(**shape["set"])
    for callback in shape.get("link", []):
        sig.link(build(callback))
    for errback in shape.get("link_error", []):
        sig.link_error(build(errback))
    if "stamp" in shape:
        sig.stamp(**shape["stamp"])
    if shape.get("visit"):
        sig.stamp(Stamps())
    return sig


def build_bare(shape):
    kind = shape["t"]
    of = [build(child) for child in shape.get("of", [])]
    if kind == "task":
        return signature(
            shape["task"],
            args=tuple(shape.get("args", [])),
            kwargs=shape.get("kwargs", {}),
            immutable=shape.get("immutable", False),
            app=app,
        )
    if kind == "chain":
        return chain(of)
    if kind == "raw_chain":
        return _chain(*of) if len(of) != 1 else _chain(of)
    if kind == "group":
        return group(of)
    if kind == "chord":
        return chord(of, build(shape["body"]))
    if kind == "pipe":
        left, right = of
        return left | right
    if kind in ("map", "starmap"):
        return getattr(app.tasks[shape["task"]], kind)(shape["it"])
    if kind == "chunks":
        return app.tasks[shape["task"]].chunks(shape["it"], shape["n"])
    raise ValueError(kind)


def told():
    """The journal without sizes of chords that nobody reports to.

    Celery sets one for each group whose members report to some chord, also when that has another id.
    """
    text = dumps(journal)

    def is_stray(step):
        mentions = (f'"{name}": "{step["id"]}"' for name in ("group", "group_id"))
        return step["kind"] == "set_chord_size" and not any(mention in text for mention in mentions)

    return [step for step in journal if not is_stray(step)]


def answer(request):
    del journal[:]
    op = request["op"]
    if op == "reply_to":
        return app.thread_oid
    if op == "dict":
        return build(request["shape"])
    if op == "rebuild":
        return signature(json.loads(dumps(build(request["shape"]))), app=app)
    if op == "freeze":
        sig = build(request["shape"])
        result = sig.freeze(request.get("id"))
        return {"dict": sig, "result": result.as_tuple()}
    if op == "apply":
        sig = build(request["shape"])
        result = sig.apply_async(
            args=tuple(request.get("args", [])),
            kwargs=request.get("kwargs", {}),
            **request.get("options", {}),
        )
        return {"steps": told(), "result": result and result.as_tuple()}
    if op == "run":
        act.plan = request["plan"]
        embed = request["embed"]
        call = {
            "id": request["id"],
            "root_id": request["root_id"],
            "parent_id": request.get("parent_id"),
            "group": request.get("group"),
            "group_index": request.get("group_index"),
            "reply_to": request.get("reply_to"),
            "shadow": request.get("shadow"),
            "retries": 0,
            "task": "oracle.act",
            "delivery_info": {"exchange": "", "routing_key": "celery", "priority": request.get("priority")},
            "stamped_headers": request.get("stamped_headers"),
            "stamps": request.get("stamps", {}),
            **{
                name: embed.get(name)
                for name in ("callbacks", "errbacks", "chain", "chord")
            },
        }
        app.backend.failed.clear()
        build_tracer("oracle.act", act, app=app)(
            request["id"], request.get("args", []), request.get("kwargs", {}), call
        )
        return {"steps": told()}
    if op == "complete":
        body = signature(json.loads(dumps(request["body"])), app=app)
        body.delay(request["values"])
        return {"steps": told()}
    if op == "fail_chord":
        body = signature(json.loads(dumps(request["body"])), app=app)
        try:
            raise ChordError(request["message"])
        except ChordError as error:
            app.backend.chord_error_from_stack(body, error)
        return {"steps": told()}
    raise ValueError(op)


def main():
    for line in sys.stdin:
        try:
            reply = {"ok": answer(json.loads(line))}
        except (Ignore, Exception) as error:  # the caller decides what an error means
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(dumps(reply) + "\n")
        sys.stdout.flush()


main()

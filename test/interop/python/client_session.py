"""A Celery client that a test drives: one JSON object per line in, one out.

``{"code": ...}`` is run as in a Python console, in one namespace for the whole session; the answer is ``{"value": ...}`` of
its last expression, or ``{"error": ...}`` of what it raised.
"""

import ast
import base64
import datetime
import decimal
import json
import sys
import traceback
import uuid
from contextlib import suppress

import celery
from celery import chain, chord, group
from celery.backends.rpc import RPCBackend
from celery.result import AsyncResult, GroupResult
from client_tasks import add, app, children, echo, fail, flaky, nap, store, total

TIMEOUT = 60
"""Seconds; long enough for a loaded machine, nothing takes it."""


def s(name, *args, **kwargs):
    return app.signature(f"tasks.{name}", args=args, kwargs=kwargs)


def send(name, *args, **options):
    return app.send_task(f"tasks.{name}", args, **options)


def get(result, **options):
    return result.get(timeout=TIMEOUT, **options)


def result(task_id):
    return AsyncResult(task_id, app=app)


last_told = {}


def told(result):
    """The state of a task and what came with it, as its worker told it last. On rpc Celery's results keep only ends."""
    if not isinstance(app.backend, RPCBackend):
        return [result.state, result.info]
    with suppress(celery.exceptions.TimeoutError):
        result.get(timeout=0.2, propagate=False, on_message=lambda meta: last_told.update({meta["task_id"]: meta}))
    meta = last_told.get(result.id, {"status": "PENDING", "result": None})
    return [meta["status"], meta["result"]]


NAMESPACE = {
    name: globals()[name]
    for name in (
        "add app base64 celery chain children chord datetime decimal echo fail flaky get group json nap result s send store told "
        "total uuid AsyncResult GroupResult TIMEOUT"
    ).split()
}


def run(code):
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "session", "exec"), NAMESPACE)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "session", "eval"), NAMESPACE)


def describe(error):
    cls = type(error)
    return {
        "name": cls.__qualname__,
        "module": cls.__module__,
        "bases": [base.__qualname__ for base in cls.__mro__],
        "args": json.loads(json.dumps(error.args, default=repr)),
        "text": str(error),
        "raised": "".join(traceback.format_exception(error)),
    }


def main():
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the code prints is no answer
    for line in sys.stdin:
        try:
            answer = json.dumps({"value": run(json.loads(line)["code"])})
        except Exception as error:
            answer = json.dumps({"error": describe(error)})
        print(answer, file=answers, flush=True)


main()

"""A child of the warm parent: runs operator tasks and predictions one after another until it is told to stop."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import socket
import sys
import time
import warnings
from typing import IO, Any

from ..errors import InvalidParams, describe
from ..operator_task import execute
from ..serving import LoadedDeployments
from . import limits
from .frames import Connection, FrameTooLong, ProtocolError, encode

SENTINEL = "\x00celeriac-end {}\n"
COLLECT_AFTER_S = 0.05  # a task that ran longer may have left cycles worth collecting


def main(path: str, token: str, child_id: str, parent_pid: int) -> int:
    """Runs the child; returns its exit code. Called in the forked process, which must then `os._exit` with it."""
    os.setsid()
    limits.die_with_parent(parent_pid)
    control = _connect(path, token, child_id)
    signals = limits.TaskSignals()
    child = Child(control, signals)
    try:
        return child.serve()
    except limits.Quit:
        return 0
    except (BrokenPipeError, ConnectionResetError):
        return 0  # Node is gone: nobody to report to
    except ProtocolError as problem:
        print(f"celeriac runner: {problem}", file=sys.stderr, flush=True)
        return 70


def _connect(path: str, token: str, child_id: str) -> Connection:
    """Opens the three connections; stdout and stderr replace descriptors 1 and 2, stdin is empty."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for role, descriptor in (("stdout", 1), ("stderr", 2)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(path)
            stream.sendall(encode("hello", role=role, token=token, child_id=child_id, pid=os.getpid()))
            os.dup2(stream.fileno(), descriptor)
    # New objects: those of the parent may believe that the descriptor is a file that can seek.
    sys.stdout = sys.__stdout__ = _text_stream(1)
    sys.stderr = sys.__stderr__ = _text_stream(2)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True)
    logging.captureWarnings(True)
    faulthandler.enable(file=2)  # the log of a segmentation fault says where in Python it was
    control = Connection.open(path)
    control.send("hello", role="control", token=token, child_id=child_id, pid=os.getpid())
    return control


def _text_stream(descriptor: int) -> IO[str]:
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


class Child:
    """Answers `run`, `predict`, `load`, `unload` and `stop` frames."""

    def __init__(self, control: Connection, signals: limits.TaskSignals) -> None:
        self._control = control
        self._signals = signals
        self._deployments = LoadedDeployments()

    def serve(self) -> int:
        while True:
            self._control.send("ready")
            with self._signals.idle():
                frame = self._control.receive()
            if frame is None or frame["type"] == "stop":
                return 0
            if frame["type"] == "run":
                self._run(frame)
            elif frame["type"] in ("predict", "load", "unload"):
                self._serve_model(frame)
            else:
                raise ProtocolError(f"a child takes no {frame['type']} frame")

    def _run(self, frame: dict[str, Any]) -> None:
        delivery_id, memory_limit = frame["delivery_id"], frame.get("memory_limit_bytes")
        started = time.monotonic()
        reset_warnings()

        def report(current: float, total: float, message: str) -> None:
            with self._signals.shielded_io():
                self._control.send(
                    "progress", delivery_id=delivery_id, current=current, total=total, message=message[:500]
                )

        answer: dict[str, Any]
        try:
            with self._signals.task(frame.get("soft_time_limit_s")), limits.memory(memory_limit):
                result = execute(frame["task"], report, self._signals.shielded)
            answer = {"status": "SUCCESS", "result": result}
        except limits.Quit:
            raise
        except BaseException as error:
            answer = {"status": "FAILURE", "error": describe(error, memory_limit)}
            error.__traceback__ = None  # frees what the operator's frames hold
        self._answer(delivery_id, answer)
        if time.monotonic() - started > COLLECT_AFTER_S:
            gc.collect()

    def _serve_model(self, frame: dict[str, Any]) -> None:
        deployments, result = self._deployments, {}
        try:
            if frame["type"] == "predict":
                result = deployments.predict(frame["model_uri"], frame["rows"], frame.get("columns"))
            else:
                deployments.unload(frame["unload"])
                if frame["type"] == "load":
                    result = deployments.load(frame["model_uri"], frame["warm_up"])
            answer = {"status": "SUCCESS", "result": result}
        except Exception as error:
            answer = {"status": "FAILURE", "error": describe(error)}
            error.__traceback__ = None  # frees what the frames hold: rows, or a model that is half loaded
        self._answer(frame["delivery_id"], answer, sentinel=False)
        if frame["type"] != "predict":
            gc.collect()  # what was unloaded

    def _answer(self, delivery_id: str, answer: dict[str, Any], *, sentinel: bool = True) -> None:
        if sentinel:
            _end_of_output(delivery_id)
        try:
            content = encode("result", delivery_id=delivery_id, **answer)
        except ValueError as problem:
            error = describe(InvalidParams(f"the answer cannot be sent: {problem}"))
            if isinstance(problem, FrameTooLong) and not sentinel:
                error["code"] = "BROKER_MESSAGE_TOO_LARGE"  # who asks for fewer rows gets an answer
            content = encode("result", delivery_id=delivery_id, status="FAILURE", error=error)
        self._control.stream.sendall(content)


def _end_of_output(delivery_id: str) -> None:
    """Marks the end of a task's output on both streams, so that the reader knows it has all lines."""
    line = SENTINEL.format(delivery_id).encode()
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        with contextlib.suppress(OSError, ValueError):  # the operator may have closed them
            stream.flush()
            view = memoryview(line)
            while view:
                view = view[os.write(descriptor, view) :]


def reset_warnings() -> None:
    """Each task logs each warning once, whatever earlier tasks of this process logged."""
    warnings.resetwarnings()
    warnings.simplefilter("default")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=PendingDeprecationWarning)
    warnings.filterwarnings("ignore", category=ResourceWarning)
    warnings.onceregistry.clear()

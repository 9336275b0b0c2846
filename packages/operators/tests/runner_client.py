"""Node's side of the runner protocol, for tests: a Unix socket server that starts one parent."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import celeriac
from celeriac.runner.frames import Connection, ProtocolError

WAIT_S = 30.0
SOURCES = Path(celeriac.__file__).parents[1]


class ChildHandle:
    """A child of the pool: its control connection and what it wrote."""

    def __init__(self, child_id: str) -> None:
        self.child_id = child_id
        self.frames: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self.control: Connection | None = None
        self.pid = 0
        self.connected = threading.Event()
        self.exited: queue.Queue[dict[str, Any]] = queue.Queue()

    def send(self, kind: str, **fields: Any) -> None:
        self.control.send(kind, **fields)

    def next(self, wait_s: float = WAIT_S) -> dict[str, Any] | None:
        """The next frame of the child; None when its control connection closed."""
        return self.frames.get(timeout=wait_s)

    def until(self, kind: str) -> dict[str, Any]:
        """Frames are taken until one of this type."""
        while True:
            frame = self.next()
            assert frame is not None, f"the child closed its connection before a {kind} frame"
            if frame["type"] == kind:
                return frame

    def run(self, task: dict[str, Any], **limits: Any) -> dict[str, Any]:
        """Runs a task and returns the result frame."""
        self.start(task, **limits)
        return self.until("result")

    def start(self, task: dict[str, Any], delivery_id: str = "d1", **limits: Any) -> None:
        fields = {"soft_time_limit_s": None, "memory_limit_bytes": None, **limits}
        self.send("run", delivery_id=delivery_id, task=task, **fields)

    def end(self) -> tuple[int | None, str | None]:
        """Exit code and signal, once the parent reports the end."""
        frame = self.exited.get(timeout=WAIT_S)
        return frame["exit_code"], frame["signal"]

    def kill(self) -> None:
        """SIGKILL to the process group, as Node does it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def text(self, stream: str = "stdout") -> str:
        return self.output[stream].decode("utf-8", "replace")


class RunnerClient:
    """Starts `python -m celeriac.runner` and speaks protocol v1 with it. Use as a context manager."""

    def __init__(self, directory: Path, env: dict[str, str] | None = None) -> None:
        self._path = str(directory / "runner.sock")
        self._token = secrets.token_hex(8)
        self._env = {**os.environ, "PYTHONPATH": str(SOURCES), **(env or {})}
        self._children: dict[str, ChildHandle] = {}
        self._parent: Connection | None = None
        self._hello: queue.Queue[dict[str, Any]] = queue.Queue()
        self._lock = threading.Lock()

    def __enter__(self) -> RunnerClient:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(self._path)
        self._server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        arguments = [sys.executable, "-m", "celeriac.runner", "--socket", self._path]
        self.process = subprocess.Popen(
            arguments, env={**(self._env or os.environ), "CELERIAC_RUNNER_TOKEN": self._token}
        )
        self.hello = self._wait_for_hello()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        if self._parent is not None and self.process.poll() is None:
            self._parent.stream.shutdown(socket.SHUT_RDWR)
        self.process.wait(timeout=WAIT_S)

    def _wait_for_hello(self) -> dict[str, Any]:
        for _ in range(600):
            with contextlib.suppress(queue.Empty):
                return self._hello.get(timeout=0.1)
            assert self.process.poll() is None, "the parent ended before its hello"
        raise AssertionError("the parent sent no hello")

    def fork(self, child_id: str) -> ChildHandle:
        """Forks a child and waits until it is ready."""
        child = self._handle(child_id)
        self._parent.send("fork", child_id=child_id)
        assert child.connected.wait(WAIT_S), "the child did not connect"
        assert child.until("ready")
        return child

    def _handle(self, child_id: str) -> ChildHandle:
        with self._lock:
            return self._children.setdefault(child_id, ChildHandle(child_id))

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(stream),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        hello = connection.receive()
        assert hello is not None
        assert hello["type"] == "hello"
        assert hello["token"] == self._token
        if hello["role"] == "parent":
            self._parent = connection
            self._hello.put(hello)
            while (frame := self._receive(connection)) is not None:
                self._handle(frame["child_id"]).exited.put(frame)
            return
        child = self._handle(hello["child_id"])
        if hello["role"] == "control":
            child.control, child.pid = connection, hello["pid"]
            child.connected.set()
            while (frame := self._receive(connection)) is not None:
                child.frames.put(frame)
            child.frames.put(None)
            return
        output = child.output[hello["role"]]
        output += bytes(connection._buffer)  # raw bytes may follow the hello at once
        while chunk := self._bytes(connection.stream):
            output += chunk

    @staticmethod
    def _receive(connection: Connection) -> dict[str, Any] | None:
        """A frame; None at the end; a pseudo frame `violation` for bytes that are none (Node would kill the child)."""
        try:
            return connection.receive()
        except OSError:
            return None
        except ProtocolError as problem:
            connection._buffer.clear()
            return {"v": 1, "type": "violation", "problem": str(problem)}

    @staticmethod
    def _bytes(stream: socket.socket) -> bytes:
        try:
            return stream.recv(65536)
        except OSError:
            return b""

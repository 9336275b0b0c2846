"""The warm parent: `python -m celeriac.runner --socket PATH`, the token in CELERIAC_RUNNER_TOKEN.

One thread, one loop over the socket and the wake-up pipe of SIGCHLD. It exits when its socket closes.
"""

from __future__ import annotations

import os

# Read by the libraries when they are imported, so set first; what is set already wins.
_DEFAULTS = {
    # One thread per numerical library: the pool has a process per slot already, and results must not depend on the
    # number of cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    # Arrow's own allocators reserve address space in large pieces, which the memory limit would count as used.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a thread that importing pyarrow would start
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

import argparse
import contextlib
import gc
import importlib
import selectors
import signal
import socket
import sys
from typing import Any

from .frames import Connection, ProtocolError

EX_SOFTWARE, EX_OSERR = 70, 71  # exit codes as in sysexits.h

PRELOADED = (
    "pandas",
    "pyarrow.parquet",
    "pyarrow.compute",
    "pyarrow.csv",
    "joblib",
    "sklearn.linear_model",
    "sklearn.ensemble",
    "sklearn.cluster",
    "sklearn.preprocessing",
    "sklearn.metrics",
    "sklearn.model_selection",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m celeriac.runner")
    parser.add_argument("--socket", required=True, help="path of the Unix socket Node listens on")
    arguments = parser.parse_args()
    # Taken out of the environment: operators and what they start have no use for it.
    token = os.environ.pop("CELERIAC_RUNNER_TOKEN", None)
    if token is None:
        parser.error("CELERIAC_RUNNER_TOKEN is not set: the shared secret that is sent in every hello")
    return Parent(arguments.socket, token).serve()


class Parent:
    """Forks children on demand and reports when they end."""

    def __init__(self, path: str, token: str) -> None:
        self._path = path
        self._token = token
        self._children: dict[int, str] = {}

    def serve(self) -> int:
        preload()
        control = Connection.open(self._path)
        control.send("hello", role="parent", token=self._token, pid=os.getpid(), versions=versions())
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        own = (reader, writer, control.stream)
        with selectors.DefaultSelector() as selector:
            selector.register(control.stream, selectors.EVENT_READ)
            selector.register(reader, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is reader:
                        with contextlib.suppress(BlockingIOError):
                            reader.recv(4096)
                        self._reap(control)
                    elif not control.fill():
                        return 0
                    else:
                        while (frame := control.buffered()) is not None:
                            if frame["type"] == "stop":
                                return 0
                            self._fork(frame, control, own, selector)

    def _fork(
        self,
        frame: dict[str, Any],
        control: Connection,
        own: tuple[socket.socket, ...],
        selector: selectors.BaseSelector,
    ) -> None:
        if frame["type"] != "fork":
            raise ProtocolError(f"the parent takes no {frame['type']} frame")
        child_id, parent_pid = frame["child_id"], os.getpid()
        try:
            pid = os.fork()
        except OSError as problem:  # no memory or too many processes: this child is lost, the others are not
            print(f"celeriac runner: cannot fork: {problem}", file=sys.stderr, flush=True)
            control.send("exited", child_id=child_id, pid=0, exit_code=EX_OSERR, signal=None)
            return
        if pid:
            self._children[pid] = child_id
            return
        code = EX_SOFTWARE  # unless the child gets to say otherwise
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            selector.close()
            for stream in own:
                stream.close()
            from . import child

            code = child.main(self._path, self._token, child_id, parent_pid)
        except BaseException as problem:
            with contextlib.suppress(BaseException):
                print(f"celeriac runner child {child_id}: {problem!r}", file=sys.stderr, flush=True)
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self, control: Connection) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child_id = self._children.pop(pid, None)
            if child_id is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else None
            control.send("exited", child_id=child_id, pid=pid, exit_code=code if code >= 0 else None, signal=name)


def preload() -> None:
    """Imports what operators use, and takes it out of the garbage collector's sight: pages stay shared after forks."""
    for name in PRELOADED:
        importlib.import_module(name)
    from .. import registry
    from . import child  # noqa: F401  so that a fork imports nothing

    registry.import_builtins()
    gc.collect()
    gc.freeze()


def versions() -> dict[str, str]:
    import platform

    import pandas
    import pyarrow
    import sklearn

    from .. import __version__

    return {
        "python": platform.python_version(),
        "scikit_learn": sklearn.__version__,
        "pandas": pandas.__version__,
        "pyarrow": pyarrow.__version__,
        "celeriac": __version__,
    }


if __name__ == "__main__":
    sys.exit(main())

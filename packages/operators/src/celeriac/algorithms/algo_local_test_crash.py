"""Misbehaves as operators and native libraries do; for tests that the process pool heals."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import stat
import sys
import time

from ..context import Context


def run(ctx: Context) -> None:
    limit = ctx.params["crash_attempts"]
    if limit is None or ctx.attempt <= limit:
        print(f"about to misbehave: {ctx.params['mode']}", flush=True)
        MODES[ctx.params["mode"]]()
    ctx.pass_on(0, ctx.reference(0))


def kill9() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def leave() -> None:
    os._exit(3)


def hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def garbage_frames() -> None:
    """Writes bytes that are no frame to every socket but stdout and stderr, as code with a wrong descriptor does."""
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as connection:
                    connection.sendall(b"\xff\xff\xff\xffthis is no frame\n")
    time.sleep(3600)


def garbage_stdout() -> None:
    noise = bytes(range(256)) * 8 + b"\x00celeriac-end\n\x00celeriac-end someone-else\n" + b"x" * 200_000
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        view = memoryview(noise)
        while view:
            view = view[os.write(stream.fileno(), view) :]


def memory() -> None:
    held = []
    while True:
        held.append(bytearray(64 * 2**20))


def segfault() -> None:
    ctypes.string_at(0)


MODES = {
    "kill9": kill9,
    "exit": leave,
    "hang": hang,
    "garbage_frames": garbage_frames,
    "garbage_stdout": garbage_stdout,
    "memory": memory,
    "segfault": segfault,
}

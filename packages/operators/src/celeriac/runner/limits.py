"""Limits on a child: memory by RLIMIT_AS, soft time by SIGALRM, cancel by SIGTERM, life by the parent's.

Signals act on the task, not on the process, while a task runs: SIGTERM raises Cancelled in the operator, SIGALRM
raises SoftTimeLimitExceeded. Between tasks SIGTERM ends the process. While outputs are committed a signal is held back
(`shielded`), so an attempt is either committed or not.

Python runs a handler between two bytecodes. A signal that arrives after the last check before a blocking system call
waits for that call to return (seen once in some hundred cancels of a sleeping operator). The alarm therefore repeats
until it is handled; a lost SIGTERM is made good by sending it again, and at last by SIGKILL.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from ..errors import Cancelled, SoftTimeLimitExceeded

PR_SET_PDEATHSIG = 1
ALARM_REPEAT_S = 0.5


class Quit(BaseException):
    """SIGTERM arrived between tasks."""


class TaskSignals:
    """Routes SIGTERM and SIGALRM of a child. One instance per process, used from its main thread."""

    def __init__(self) -> None:
        self.quit_requested = False
        self._in_task = False
        self._idle = False
        self._shields = 0
        self._held: BaseException | None = None
        self._soft_limit_s: float | None = None
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGALRM, self._on_alarm)

    @contextlib.contextmanager
    def task(self, soft_limit_s: float | None) -> Iterator[None]:
        """The time in which signals raise in the operator."""
        self._held = None
        self._soft_limit_s = soft_limit_s
        self._in_task = True
        try:
            if soft_limit_s:
                signal.setitimer(signal.ITIMER_REAL, max(soft_limit_s, 0.001), ALARM_REPEAT_S)
            yield
        finally:
            self._in_task = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            # An operator may have changed them (see test_crash's hang).
            signal.signal(signal.SIGTERM, self._on_term)
            signal.signal(signal.SIGALRM, self._on_alarm)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Holds signals back. A commit that was reached is completed: what was held back is dropped."""
        self._shields += 1
        try:
            if self._held is not None:
                raise self._held
            yield
            self._in_task = False  # the attempt is committed: nothing may fail it any more
        finally:
            self._shields -= 1

    @contextlib.contextmanager
    def shielded_io(self) -> Iterator[None]:
        """Holds signals back while a frame is sent, so that it is never cut; then raises what was held back."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._shields == 0 and self._held is not None:
            held, self._held = self._held, None
            raise held

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """The time in which SIGTERM ends the process."""
        self._in_task = False  # a signal may have cut the end of `task` short
        if self.quit_requested:
            raise Quit
        self._idle = True
        try:
            yield
        finally:
            self._idle = False

    def _on_term(self, _signal: int, _frame: FrameType | None) -> None:
        if self._in_task:
            self._raise(Cancelled("the operator task was cancelled"))
        elif self._idle:
            raise Quit
        else:
            self.quit_requested = True

    def _on_alarm(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._in_task:
            self._raise(SoftTimeLimitExceeded(f"the soft time limit of {self._soft_limit_s:g} s was exceeded"))

    def _raise(self, error: BaseException) -> None:
        if self._shields:
            self._held = error
        else:
            raise error


@contextlib.contextmanager
def memory(limit_bytes: int | None) -> Iterator[None]:
    """Lets the process grow by at most `limit_bytes` of address space within the block; beyond it, MemoryError."""
    if not limit_bytes:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = address_space_bytes() + int(limit_bytes)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def address_space_bytes() -> int:
    """Size of this process's address space; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def die_with_parent(parent_pid: int) -> None:
    """Asks the kernel to kill this process when its parent ends. Best effort: Linux only."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the call
        os._exit(1)

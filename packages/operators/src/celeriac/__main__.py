"""`python -m celeriac manifests [--all]` and `python -m celeriac run-operator FILE.json [--events-fd N]`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from . import registry
from .errors import Cancelled, describe


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 on success, 1 when the operator failed, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m celeriac", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("manifests", help="print the manifests of all algorithms as a JSON list")
    listing.add_argument("--all", action="store_true", help="also the hidden ones (for tests)")
    running = commands.add_parser("run-operator", help="run one operator task in a process of its own")
    running.add_argument("file", help="JSON file with the kwargs of celeriac.run_operator; - is standard input")
    running.add_argument(
        "--events-fd",
        type=int,
        metavar="N",
        help="for programs: write progress and the result as JSON lines to this descriptor, and end with the program "
        "(N = 1: what the operator prints to standard output then goes to standard error)",
    )
    running.add_argument(
        "--soft-time-limit", type=float, metavar="SECONDS", help="after this time the operator is asked to end"
    )
    arguments = parser.parse_args(argv)
    if arguments.command == "manifests":
        print(json.dumps(registry.manifests(include_hidden=arguments.all), ensure_ascii=False))
        return 0
    return run_operator(arguments.file, arguments.events_fd, arguments.soft_time_limit)


def run_operator(file: str, events_fd: int | None = None, soft_time_limit_s: float | None = None) -> int:
    """Runs the task in `file` and tells the result, or the error with its traceback. SIGTERM cancels the operator."""
    from .operator_task import execute
    from .runner import limits

    try:
        task = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        print(f"{file}: {problem}", file=sys.stderr)
        return 2
    listener = Terminal() if events_fd is None else EventStream(events_fd)
    signals = limits.TaskSignals()

    def report(current: float, total: float, message: str) -> None:
        with signals.shielded_io():
            listener.progress(current, total, message)

    try:
        with signals.task(soft_time_limit_s):
            result = execute(task, report, signals.shielded)
    except (Exception, Cancelled) as error:
        listener.failure(describe(error))
        return 1
    listener.success(result)
    return 0


class Terminal:
    """Tells people."""

    def progress(self, current: float, total: float, message: str) -> None:
        print(f"progress {current:g}/{total:g} {message}", file=sys.stderr)

    def success(self, result: dict[str, Any]) -> None:
        print(json.dumps(result, ensure_ascii=False, indent=2))

    def failure(self, error: dict[str, Any]) -> None:
        print(error.pop("traceback"), file=sys.stderr)
        print(json.dumps(error, ensure_ascii=False, indent=2))


class EventStream:
    """Tells a program: JSON lines, `progress` as often as it comes, then one `result`, as in the runner's frames."""

    def __init__(self, descriptor: int) -> None:
        from .runner import limits

        limits.die_with_parent(os.getppid())
        self._stream = os.fdopen(os.dup(descriptor), "w", buffering=1, encoding="utf-8")
        # Out of the operator's reach, and of what it starts.
        if descriptor == 1:
            os.dup2(2, 1)
        else:
            os.close(descriptor)

    def progress(self, current: float, total: float, message: str) -> None:
        self._tell(type="progress", current=current, total=total, message=message[:500])

    def success(self, result: dict[str, Any]) -> None:
        self._tell(type="result", status="SUCCESS", result=result)

    def failure(self, error: dict[str, Any]) -> None:
        self._tell(type="result", status="FAILURE", error=error)

    def _tell(self, **event: Any) -> None:
        # What the operator printed before comes before: the reader may stop at the result.
        sys.stdout.flush()
        sys.stderr.flush()
        self._stream.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    sys.exit(main())

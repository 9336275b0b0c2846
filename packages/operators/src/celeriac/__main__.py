"""`python -m celeriac manifests [--all]` and `python -m celeriac run-operator FILE.json`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import registry
from .errors import Cancelled, describe


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 on success, 1 when the operator failed, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m celeriac", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("manifests", help="print the manifests of all algorithms as a JSON list")
    listing.add_argument("--all", action="store_true", help="also the hidden ones (for tests)")
    running = commands.add_parser("run-operator", help="run one operator task in the foreground, for debugging")
    running.add_argument("file", type=Path, help="JSON file with the kwargs of celeriac.run_operator")
    arguments = parser.parse_args(argv)
    if arguments.command == "manifests":
        print(json.dumps(registry.manifests(include_hidden=arguments.all), ensure_ascii=False))
        return 0
    return run_operator(arguments.file)


def run_operator(path: Path) -> int:
    """Runs the task in `path`; prints the result, or the error with its traceback."""
    from .operator_task import execute

    def report(current: float, total: float, message: str) -> None:
        print(f"progress {current:g}/{total:g} {message}", file=sys.stderr)

    try:
        task = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        print(f"{path}: {problem}", file=sys.stderr)
        return 2
    try:
        result = execute(task, report)
    except (Exception, Cancelled) as error:
        failure = describe(error)
        print(failure.pop("traceback"), file=sys.stderr)
        print(json.dumps(failure, ensure_ascii=False, indent=2))
        return 1
    print(json.dumps(result, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

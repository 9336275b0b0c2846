"""Executes one operator task: find the algorithm, check the parameters, run it, commit its outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from . import params, registry
from .artifacts import strict_json
from .artifacts.commit import stored_result
from .context import Context, Reporter
from .errors import InvalidInput, InvalidParams, OperatorError

RESULT_LIMIT_BYTES = 64 * 1024


def execute(
    task: dict[str, Any],
    report: Reporter | None = None,
    shield: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> dict[str, Any]:
    """Runs the operator task (the kwargs of `celeriac.run_operator`) and returns its result.

    `report(current, total, message)` gets progress; `shield()` is entered around the commit, which must not be
    interrupted half way by a time limit or a cancel. Raises whatever the operator raises; nothing is left behind then.
    A redelivery of an attempt that was committed returns the stored result without running.
    """
    for name in ("algo_name", "output_prefix"):
        if not isinstance(task.get(name), str):
            raise InvalidParams(f"the operator task has no {name}")
    algorithm = registry.find(task["algo_name"])
    manifest = algorithm.manifest
    given = params.prepare(algorithm.name, manifest["params"], task.get("params") or {})
    earlier = stored_result(task["output_prefix"])
    if earlier is not None:
        return earlier
    ctx = Context(task, manifest, given, report)
    for port in manifest["inputs"]:
        if port["required"] and not ctx.has_input(port["index"]):
            raise InvalidInput(f"{algorithm.name}: input {port['index']} ({port['name']}) is not wired")
    try:
        algorithm.run(ctx)
        result = strict_json.plain(ctx.result())
        size = len(strict_json.dumps(result))
        if size > RESULT_LIMIT_BYTES:
            raise OperatorError(f"the result has {size} bytes, more than {RESULT_LIMIT_BYTES}; write a report instead")
        with shield():
            return ctx.outputs.commit(result)
    except BaseException:
        ctx.outputs.discard()
        raise

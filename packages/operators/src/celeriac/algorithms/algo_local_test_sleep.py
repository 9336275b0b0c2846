"""Sleeps, printing lines; for tests of time limits, cancels and log capture."""

from __future__ import annotations

import sys
import time

from ..context import Context
from ..errors import SoftTimeLimitExceeded


def run(ctx: Context) -> None:
    seconds, lines = ctx.params["seconds"], ctx.params["lines"]
    try:
        for line in range(lines):
            print(f"line {line + 1} of {lines}")
            ctx.progress(line, lines, "sleeping")
            time.sleep(seconds / lines)
        if lines == 0:
            time.sleep(seconds)
    except SoftTimeLimitExceeded:
        if ctx.params["catch_soft_limit"]:
            print("soft time limit caught")
        raise
    for line in range(ctx.params["stderr_lines"]):
        print(f"stderr line {line + 1}", file=sys.stderr)
    ctx.pass_on(0, ctx.reference(0))

"""Raises an exception in its first attempts; for tests of failures and retries."""

from __future__ import annotations

import builtins

from .. import errors
from ..context import Context


class Unprintable(Exception):
    """An exception whose text cannot be had, as third-party code sometimes raises."""

    def __str__(self) -> str:
        raise ValueError("no text")


def run(ctx: Context) -> None:
    failing = ctx.params["fail_attempts"]
    if failing is None or ctx.attempt <= failing:
        name = ctx.params["exc_type"]
        kind = Unprintable if name == "Unprintable" else getattr(errors, name, None) or getattr(builtins, name)
        raise kind(ctx.params["message"])
    ctx.pass_on(0, ctx.reference(0))

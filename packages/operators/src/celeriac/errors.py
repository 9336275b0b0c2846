"""Errors an operator can end with.

Every error that leaves an operator has a stable code, a one-line message for people and a verdict on whether another
attempt can help. A full disk is `STORE_FULL`: another attempt may find space. Other exceptions that are not an
`OperatorError` become `TASK_FAILED` (retryable): they may come from anything.
"""

from __future__ import annotations

import difflib
import errno
import json
import traceback
from collections.abc import Iterable
from typing import Any

TRACEBACK_LIMIT = 32_768
MESSAGE_LIMIT = 4_096
DETAILS_LIMIT = 32_768


class OperatorError(Exception):
    """An operator failed in a way it can name. `details` is JSON (by default the `facts`) beside the message."""

    code = "TASK_FAILED"
    retryable = True

    def __init__(self, message: str, details: Any = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details if details is not None else facts


class InvalidParams(OperatorError):
    """A parameter is missing, unknown or has a value the algorithm does not take."""

    code = "TASK_INVALID_PARAMS"
    retryable = False


class InvalidInput(OperatorError):
    """The data is not what the parameters say: a column is missing, has another type, holds missing values."""

    code = "TASK_INVALID_INPUT"
    retryable = False


class AlgorithmNotFound(OperatorError):
    """No installed algorithm has this name."""

    code = "TASK_ALGORITHM_NOT_FOUND"
    retryable = False


class ArtifactNotFound(OperatorError):
    """An input artifact does not exist or was never committed."""

    code = "TASK_ARTIFACT_NOT_FOUND"
    retryable = False


class SoftTimeLimitExceeded(OperatorError):
    """Raised inside the operator when its soft time limit passes; it may catch this to clean up."""

    code = "TASK_TIMED_OUT"


class Cancelled(BaseException):
    """Raised inside the operator on SIGTERM. Not an `Exception`, so that a broad `except` does not swallow it."""

    code = "TASK_CANCELLED"
    retryable = False


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, ignoring case, or None when none is similar."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suffix for messages: `` or `; did you mean "x"?`."""
    found = nearest(name, known)
    return f'; did you mean "{found}"?' if found else ""


def describe(error: BaseException, memory_limit_bytes: int | None = None) -> dict[str, Any]:
    """The error as the JSON object of a FAILURE result. Never raises, whatever the exception does in `__str__`."""
    code = getattr(error, "code", None)
    retryable = getattr(error, "retryable", True)
    message = _text(error)
    if isinstance(error, MemoryError):
        code, retryable = "TASK_OUT_OF_MEMORY", True
        message = _out_of_memory(message, memory_limit_bytes)
    elif _is_disk_full(error):
        code, retryable = "STORE_FULL", True
        message = f"the disk is full ({message})"
    elif isinstance(error, SystemExit):
        message = f"the operator called sys.exit({_text(error)})"
    if not isinstance(code, str) or not (code.startswith("TASK_") or code == "STORE_FULL"):
        code = "TASK_FAILED"
    out: dict[str, Any] = {
        "code": code,
        "exc_type": type(error).__name__,
        "exc_module": type(error).__module__,
        "exc_message": [_json_safe(arg) for arg in error.args[:10]],
        "message": _one_line(message) or type(error).__name__,
        "traceback": _traceback(error),
        "retryable": bool(retryable),
    }
    details = getattr(error, "details", None)
    if details:
        out["details"] = _json_safe(details, DETAILS_LIMIT)
    return out


def _is_disk_full(error: BaseException) -> bool:
    """No space, or no quota, behind the error or what it was raised for."""
    for _ in range(10):  # causes may go in a circle
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if error.__cause__ is None:
            return False
        error = error.__cause__
    return False


def _out_of_memory(message: str, limit: int | None) -> str:
    reason = f" ({message})" if message else ""
    if limit is None:
        return f"the operator ran out of memory{reason}; give the worker more memory or the operator less data"
    return (
        f"the operator exceeded its memory limit of {limit / 2**20:.0f} MiB{reason}; "
        "raise the limit of the workers (CELERIAC_TASK_MEMORY_MIB) or reduce the rows or columns it reads"
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:
        return f"<{type(error).__name__} without a printable message: {type(problem).__name__}>"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 1] + "…"


def _traceback(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:
        text = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
    if len(text) <= TRACEBACK_LIMIT:
        return text
    half = TRACEBACK_LIMIT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def _json_safe(value: Any, limit: int = MESSAGE_LIMIT) -> Any:
    try:
        text = json.dumps(value, allow_nan=False)
        if len(text) <= limit:
            return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return repr(value)[:MESSAGE_LIMIT]
    except Exception:
        return f"<{type(value).__name__}>"

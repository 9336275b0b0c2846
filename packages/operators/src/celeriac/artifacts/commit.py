"""How an attempt's outputs become visible: all at once, once.

Local: everything is written to `<prefix>.staging-<random>` and one `rename` makes it `<prefix>`. A crash before the
rename leaves a staging directory that nobody reads; a crash after it leaves a finished attempt. When two deliveries of
one attempt race, the second rename fails (the target is a non-empty directory) and the loser returns what the winner
stored. Object stores have no rename: files are written in place and `_committed.json` comes last; readers refuse a
prefix without it, and two deliveries of one attempt write the same files.

`_committed.json` holds the result, so that a redelivery after the commit answers without running again.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import secrets
import shutil
from typing import Any

from ..errors import ArtifactNotFound, OperatorError
from . import storage, strict_json, uris

MARKER = "_committed.json"


def stored_result(prefix: str) -> dict[str, Any] | None:
    """The result an earlier delivery committed at `prefix`, or None."""
    try:
        return json.loads(storage.read_bytes(uris.join(prefix, MARKER)))["result"]
    except FileNotFoundError:
        return None


def require_committed(uri: str) -> None:
    """Raises ArtifactNotFound unless the artifact directory `uri` belongs to a committed attempt."""
    prefix = uris.parent(uri)
    if storage.exists(uris.join(prefix, MARKER)):
        return
    reason = "was never committed" if storage.exists(prefix) else "does not exist"
    raise ArtifactNotFound(f"the artifact {uri} {reason}", uri=uri)


class Outputs:
    """The outputs of one attempt while it runs. Nothing is written before the first `place`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix.rstrip("/")
        self._staging: str | None = None

    @property
    def is_empty(self) -> bool:
        return self._staging is None

    def uri(self, name: str) -> str:
        """The final URI of the artifact `name` (a port number), valid after the commit."""
        return uris.join(self.prefix, name)

    def place(self, name: str) -> str:
        """The URI of the directory to write the artifact `name` into."""
        if self._staging is None:
            is_local = uris.is_local(self.prefix)
            self._staging = f"{self.prefix}.staging-{secrets.token_hex(8)}" if is_local else self.prefix
        return uris.join(self._staging, name)

    def commit(self, result: dict[str, Any]) -> dict[str, Any]:
        """Makes the outputs visible and returns the result to report: this one, or that of an earlier delivery."""
        if self._staging is None:
            return result
        marker = {"format": 1, "committed_at": utc_now(), "result": result}
        storage.write_bytes(uris.join(self._staging, MARKER), strict_json.dumps(marker))
        if self._staging == self.prefix:
            return result
        staging, target = uris.to_path(self._staging), uris.to_path(self.prefix)
        try:
            staging.rename(target)
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            earlier = stored_result(self.prefix)
            if earlier is None:
                raise OperatorError(
                    f"{self.prefix} exists but was not committed by this attempt; remove it and run again"
                ) from problem
            self.discard()
            return earlier
        self._staging = None
        _sync_directory(target.parent)
        return result

    def discard(self) -> None:
        """Removes what was staged. Safe to call at any time, also twice."""
        if self._staging is not None and self._staging != self.prefix:
            shutil.rmtree(uris.to_path(self._staging), ignore_errors=True)
        self._staging = None


def utc_now() -> str:
    """The current instant, ISO 8601 with milliseconds and Z."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sync_directory(path: Any) -> None:
    with contextlib.suppress(OSError):  # not every file system can
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

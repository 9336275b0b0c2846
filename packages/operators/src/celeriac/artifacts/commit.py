"""How an attempt's outputs become visible: all at once, once.

One attempt can be executed twice at a time: its worker was cut off, and the broker delivered it elsewhere. Each
execution writes into a folder of its own; the first to commit stands, the others return what it stored and remove what
is theirs. Another attempt has another prefix: an execution that wakes up after it was replaced changes nothing of its
successor.

Local: everything is written to `<prefix>.staging-<token>` and one `rename` makes it `<prefix>`. A crash before the
rename leaves a staging directory that nobody reads; a crash after it leaves a finished attempt. The second rename
fails: the target is a directory that is not empty.

Object stores have no rename: everything is written to `<prefix>/<token>`, its `_committed.json` last, and then
`<prefix>/_committed.json` names the folder. That file is created exclusively where the store can do so. Where it
cannot, two executions that commit in the same instant may both believe that they were first; each then reports a whole
folder, and the engine takes the report that comes first.

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
    if _is_committed(prefix):
        return
    reason = "was never committed" if storage.exists(prefix) else "does not exist"
    raise ArtifactNotFound(f"the artifact {uri} {reason}", uri=uri)


def _is_committed(prefix: str) -> bool:
    if uris.is_local(prefix):
        return storage.exists(uris.join(prefix, MARKER))
    try:
        marker = json.loads(storage.read_bytes(uris.join(prefix, MARKER)))
    except FileNotFoundError:
        return False
    return "folder" not in marker or storage.exists(uris.join(uris.parent(prefix), MARKER))


class Outputs:
    """The outputs of one execution of an attempt while it runs. Nothing is written before the first `place`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix.rstrip("/")
        self._is_local = uris.is_local(self.prefix)
        self._token = secrets.token_hex(8)
        self._folder = f"{self.prefix}.staging-{self._token}" if self._is_local else uris.join(self.prefix, self._token)
        self._is_empty = True

    @property
    def is_empty(self) -> bool:
        return self._is_empty

    def uri(self, name: str) -> str:
        """The final URI of the artifact `name` (a port number), valid after the commit."""
        return uris.join(self.prefix if self._is_local else self._folder, name)

    def place(self, name: str) -> str:
        """The URI of the directory to write the artifact `name` into."""
        self._is_empty = False
        return uris.join(self._folder, name)

    def commit(self, result: dict[str, Any]) -> dict[str, Any]:
        """Makes the outputs visible and returns the result to report: this one, or that of an earlier execution."""
        if self._is_empty:
            return result
        marker = {"format": 1, "committed_at": utc_now(), "result": result}
        return self._rename(marker) if self._is_local else self._name(marker | {"folder": self._token})

    def discard(self) -> None:
        """Removes what was written and is not committed. Safe to call at any time, also twice."""
        if self._is_empty:
            return
        self._is_empty = True
        if self._is_local:
            shutil.rmtree(uris.to_path(self._folder), ignore_errors=True)
        else:
            with contextlib.suppress(Exception):  # what stays is read by nobody
                storage.remove_tree(self._folder)

    def _rename(self, marker: dict[str, Any]) -> dict[str, Any]:
        storage.write_bytes(uris.join(self._folder, MARKER), strict_json.dumps(marker))
        staging, target = uris.to_path(self._folder), uris.to_path(self.prefix)
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
        self._is_empty = True
        _sync_directory(target.parent)
        return marker["result"]

    def _name(self, marker: dict[str, Any]) -> dict[str, Any]:
        content = strict_json.dumps(marker)
        storage.write_bytes(uris.join(self._folder, MARKER), content)
        manifest = uris.join(self.prefix, MARKER)
        storage.create_bytes(manifest, content)
        # What stands there now decides, whoever wrote it.
        standing = json.loads(storage.read_bytes(manifest))
        if standing.get("folder") != self._token:
            self.discard()
            return standing["result"]
        self._is_empty = True
        return marker["result"]


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

"""Artifact URIs.

`file://` URIs are percent-encoded absolute paths without a host. Every other scheme is left to fsspec. A plain
absolute path is accepted wherever a URI is read.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_local(uri: str) -> bool:
    """True for `file://` URIs and plain paths."""
    return uri.startswith("file://") or not _SCHEME.match(uri)


def to_path(uri: str) -> Path:
    """The path of a local URI. Raises ValueError for a relative path, a host or another scheme."""
    if uri.startswith("file://"):
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost"):
            raise ValueError(f"{uri} names a host; file URIs must look like file:///path")
        if parts.query or parts.fragment:
            raise ValueError(f"{uri} has a query or a fragment; ? and # in paths are written %3F and %23")
        path = Path(unquote(parts.path))
    elif is_local(uri):
        path = Path(uri)
    else:
        raise ValueError(f"{uri} is not a file URI")
    if not path.is_absolute():
        raise ValueError(f"{uri} is not an absolute path")
    return path


def from_path(path: Path) -> str:
    """The `file://` URI of an absolute path."""
    return "file://" + quote(str(path))


def join(uri: str, *parts: str) -> str:
    """`uri` with path parts appended; the parts are encoded for file URIs."""
    tail = [quote(part) if uri.startswith("file://") else part for part in parts]
    return "/".join([uri.rstrip("/"), *tail])


def parent(uri: str) -> str:
    """The URI one level up."""
    return uri.rstrip("/").rpartition("/")[0]

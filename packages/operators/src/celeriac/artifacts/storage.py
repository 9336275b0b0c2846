"""Bytes at a URI: local files directly, everything else through fsspec (imported when first needed)."""

from __future__ import annotations

import io
import os
from typing import IO, Any

from . import uris


def filesystem(uri: str) -> tuple[Any, str]:
    """The fsspec file system of a remote URI and the path within it."""
    import fsspec

    return fsspec.core.url_to_fs(uri)


def exists(uri: str) -> bool:
    """True when a file or directory is there."""
    if uris.is_local(uri):
        return uris.to_path(uri).exists()
    fs, path = filesystem(uri)
    return bool(fs.exists(path))


def open_read(uri: str) -> IO[bytes]:
    """A binary, seekable reader. Raises FileNotFoundError."""
    if uris.is_local(uri):
        return uris.to_path(uri).open("rb")
    fs, path = filesystem(uri)
    return fs.open(path, "rb")


def open_write(uri: str) -> IO[bytes]:
    """A binary writer; missing directories are made. Local files are flushed to the disk when closed."""
    if uris.is_local(uri):
        path = uris.to_path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _DurableFile(path, "wb")
    fs, path = filesystem(uri)
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    return fs.open(path, "wb")


def read_bytes(uri: str) -> bytes:
    with open_read(uri) as file:
        return file.read()


def write_bytes(uri: str, content: bytes) -> None:
    with open_write(uri) as file:
        file.write(content)


def create_bytes(uri: str, content: bytes) -> None:
    """Writes a remote file unless it exists; read it to learn whose content it has.

    One step where the store can create exclusively. Elsewhere two writers in the same instant may both write.
    """
    fs, path = filesystem(uri)
    if fs.exists(path):  # some stores overlook a mode that they do not know, and overwrite
        return
    try:
        fs.pipe_file(path, content, mode="create")
    except FileExistsError:
        return
    except (TypeError, ValueError, NotImplementedError):  # others, or their fsspec, refuse it
        write_bytes(uri, content)


def remove_tree(uri: str) -> None:
    """Removes a remote directory and all in it."""
    fs, path = filesystem(uri)
    fs.rm(path, recursive=True)


class _DurableFile(io.FileIO):
    """A run is recorded as succeeded right after its artifacts are written: they must outlive a power cut."""

    def write(self, data: Any) -> int:
        view, written = memoryview(data).cast("B"), 0
        while written < len(view):  # a raw write may be short
            written += super().write(view[written:])
        return written

    def close(self) -> None:
        try:
            if not self.closed:
                os.fsync(self.fileno())
        finally:
            super().close()

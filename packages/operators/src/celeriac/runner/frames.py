"""Frames on a control connection: 4-byte big-endian length, then a UTF-8 JSON object with "v" and "type"."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

VERSION = 1
MAX_BYTES = 1 << 20
_LENGTH = struct.Struct(">I")


class FrameTooLong(ValueError):
    """What is to be sent does not fit into a frame."""


class ProtocolError(Exception):
    """The other side sent something that is no frame of this version."""


def encode(kind: str, **fields: Any) -> bytes:
    """A frame. Raises FrameTooLong when it would exceed 1 MiB; ValueError for numbers that JSON does not have."""
    frame = {"v": VERSION, "type": kind, **fields}
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    if len(body) > MAX_BYTES:
        raise FrameTooLong(f"a {kind} frame of {len(body)} bytes exceeds {MAX_BYTES}")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(body)
    except ValueError as problem:
        raise ProtocolError(f"a frame is not JSON: {problem}") from problem
    if not isinstance(frame, dict) or frame.get("v") != VERSION or not isinstance(frame.get("type"), str):
        raise ProtocolError("a frame must be an object with v = 1 and a type")
    return frame


class Connection:
    """A blocking connection that carries frames."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._buffer = bytearray()

    @classmethod
    def open(cls, path: str) -> Connection:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(path)
        return cls(stream)

    def fileno(self) -> int:
        return self.stream.fileno()

    def send(self, kind: str, **fields: Any) -> None:
        self.stream.sendall(encode(kind, **fields))

    def receive(self) -> dict[str, Any] | None:
        """The next frame; None when the other side closed. An exception from a signal handler loses no bytes."""
        while (frame := self.buffered()) is None:
            if not self.fill():
                return None
        return frame

    def fill(self) -> bool:
        """Reads once what is there (blocking); False at the end of the stream."""
        chunk = self.stream.recv(65536)
        self._buffer += chunk
        return bool(chunk)

    def buffered(self) -> dict[str, Any] | None:
        """The next complete frame that was read already. Raises ProtocolError."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_BYTES:
            raise ProtocolError(f"a frame of {length} bytes exceeds {MAX_BYTES}")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return decode(body)

    def close(self) -> None:
        self.stream.close()

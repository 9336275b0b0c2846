"""Predictions for single requests from deployment artifacts, kept in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

from .artifacts import storage, uris
from .artifacts.deployments import Deployment
from .artifacts.models import MODEL_FILE

WARM_UP_SIZES = (1, 1, 2, 3)  # the first call of a process pays for what libraries put off: it is not timed


class LoadedDeployments:
    """The deployments that this process answers for, until they are unloaded. Not for several threads.

    Which of them stay is decided by whoever sends the requests, who knows what traffic is routed to.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Deployment] = {}

    def get(self, uri: str) -> Deployment:
        """The deployment at `uri`. Raises ArtifactNotFound."""
        deployment = self._loaded.get(uri)
        if deployment is None:
            deployment = self._loaded[uri] = Deployment.load(uri)
        return deployment

    def unload(self, unwanted: Iterable[str]) -> None:
        for uri in unwanted:
            self._loaded.pop(uri, None)

    def load(self, uri: str, warm_up: list[Any]) -> dict[str, Any]:
        """Loads and warms `uri` up; {"bytes": what it takes of memory, about, "timings": [[rows, seconds], …]}.

        Raises ArtifactNotFound. A warm-up that fails does not: the requests will tell why.
        """
        before = _resident_bytes()
        self.get(uri)
        # Memory that the process had free already hides some; a model is no smaller than its file, about.
        grown = max(_resident_bytes() - before, _stored_bytes(uri))
        return {"bytes": grown, "timings": self._timings(uri, warm_up)}

    def _timings(self, uri: str, rows: list[Any]) -> list[list[float]]:
        timings: list[list[float]] = []
        if not rows:
            return timings
        try:
            for size in WARM_UP_SIZES:
                batch = [rows[index % len(rows)] for index in range(size)]
                started = time.perf_counter()
                self.predict(uri, batch, None)
                timings.append([size, time.perf_counter() - started])
        except Exception:
            return []
        return timings[1:]

    def predict(self, uri: str, rows: list[Any], columns: list[str] | None) -> dict[str, Any]:
        """Answers for rows (objects, or lists in the order of `columns`).

        Raises InvalidParams with `details` [{"path", "expected", "got"}] for rows that do not fit the signature.
        """
        deployment = self.get(uri)
        return {"predictions": deployment.predict(rows, columns), "model": {"name": deployment.name}}


def _resident_bytes() -> int:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _stored_bytes(uri: str) -> int:
    with storage.open_read(uris.join(uri, MODEL_FILE)) as file:
        return file.seek(0, os.SEEK_END)

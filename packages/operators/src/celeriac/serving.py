"""Predictions for single requests from deployment artifacts, kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .artifacts.deployments import Deployment

CACHE_SIZE = 8


class DeploymentCache:
    """The deployments used last, loaded. Not for several threads."""

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._size = size
        self._loaded: OrderedDict[str, Deployment] = OrderedDict()

    def get(self, uri: str) -> Deployment:
        """The deployment at `uri`. Raises ArtifactNotFound."""
        deployment = self._loaded.get(uri)
        if deployment is None:
            deployment = self._loaded[uri] = Deployment.load(uri)
            if len(self._loaded) > self._size:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(uri)
        return deployment

    def predict(self, uri: str, rows: list[Any], columns: list[str] | None) -> dict[str, Any]:
        """Answers for rows (objects, or lists in the order of `columns`).

        Raises InvalidParams with `details` [{"path", "expected", "got"}] for rows that do not fit the signature.
        """
        deployment = self.get(uri)
        return {"predictions": deployment.predict(rows, columns), "model": {"name": deployment.name}}

"""scikit-learn parameters of 2018 (0.19) on scikit-learn 1.2 and newer.

Each mapper is a pure function of the parameters and the scikit-learn version: it returns the keyword arguments for the
estimator and the records of what it changed. Values that have no faithful mapping never get here: the manifests
refuse them.
"""

from __future__ import annotations

from .gbdt import map_gbdt
from .kmeans import map_kmeans
from .logistic import map_logistic
from .records import Mapping, parse_version

__all__ = ["Mapping", "map_gbdt", "map_kmeans", "map_logistic", "parse_version"]

"""Records of parameter mappings."""

from __future__ import annotations

import math
import re
from typing import Any

Version = tuple[int, int]


def parse_version(text: str) -> Version:
    """(major, minor) of a version string such as `1.9.1` or `1.10.dev0`."""
    match = re.match(r"(\d+)\.(\d+)", text)
    if not match:
        raise ValueError(f"{text!r} is not a version")
    return int(match[1]), int(match[2])


class Mapping:
    """Keyword arguments under construction (`kwargs`) and what was done to get there (`records`)."""

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self.kwargs = kwargs
        self.records: list[dict[str, Any]] = []

    def drop(self, param: str, reason: str, *, silent: tuple[Any, ...] = (None,)) -> None:
        """Leaves a parameter out; recorded unless its value is one of `silent`."""
        if param not in self.kwargs:
            return
        value = self.kwargs.pop(param)
        if not any(value is item or (value == item and type(value) is type(item)) for item in silent):
            self._record(param, "dropped", value, None, reason)

    def rewrite(self, param: str, value: Any, reason: str) -> None:
        """Gives a parameter another value."""
        self._record(param, "rewritten", self.kwargs.get(param), value, reason)
        self.kwargs[param] = value

    def rename(self, param: str, target: str, value: Any, reason: str) -> None:
        """Replaces a parameter by another one."""
        self._record(param, "renamed", self.kwargs.pop(param), {target: value}, reason)
        self.kwargs[target] = value

    def seed(self, *, matters: bool) -> None:
        """Null means seed 0, so that a run can be repeated; recorded where the seed has an effect."""
        if self.kwargs.get("random_state") is None:
            if matters:
                self.rewrite("random_state", 0, "null drew another seed on each run; 0 makes a run repeatable")
            else:
                self.kwargs["random_state"] = 0

    def _record(self, param: str, action: str, old: Any, new: Any, reason: str) -> None:
        new = "infinity" if new == math.inf else new  # JSON has no number for it
        self.records.append({"param": param, "action": action, "from": old, "to": new, "reason": reason})

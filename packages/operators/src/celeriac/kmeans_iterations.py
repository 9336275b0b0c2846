"""The iterations of k-means while they happen.

scikit-learn's k-means takes no callback, and stepping it from outside (max_iter=1, again and again) gives another
result: every call centres the data anew and ends with an extra assignment. What it does offer is `verbose`, which
prints each iteration and changes nothing else. It costs one more sum over the rows per iteration: with one thread, as
in the process pool, 5 to 10 % of the time of 20 clusters and 10 to 25 % of 3 (60,000 rows of 10 columns). So the
iterations are read from what it prints. Should a version print them in other words, only the starts are counted.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

# "Iteration 3, inertia 78.9." of KMeans (from 0), "Minibatch step 3/40: mean batch inertia: 0.5, …" (from 1).
_ITERATION = re.compile(r"Iteration (\d+), inertia ([\d.eE+-]*\d)")
_STEP = re.compile(r"Minibatch step (\d+)/(\d+): mean batch inertia: ([\d.eE+-]*\d)")

Listener = Callable[[int, int | None, str], None]


class IterationLines(io.TextIOBase):
    """Takes what the trainer prints; calls `on_iteration(number from 1, last number or None, inertia as text)`."""

    def __init__(self, on_iteration: Listener, passed_to: TextIO | None) -> None:
        self._on_iteration = on_iteration
        self._passed_to = passed_to
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._passed_to is not None:
            self._passed_to.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._read(line)
        return len(text)

    def flush(self) -> None:
        if self._passed_to is not None:
            self._passed_to.flush()

    def _read(self, line: str) -> None:
        if found := _ITERATION.match(line):
            self._on_iteration(int(found[1]) + 1, None, found[2])
        elif found := _STEP.match(line):
            self._on_iteration(int(found[1]), int(found[2]), found[3])


@contextlib.contextmanager
def iterations_heard(on_iteration: Listener, *, shown: bool) -> Iterator[None]:
    """Hears the iterations of a verbose fit in the block. `shown`: the printed lines also go to the log."""
    with contextlib.redirect_stdout(IterationLines(on_iteration, sys.stdout if shown else None)):
        yield

"""What the fit of a model took, and whether it came to its end."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator

from sklearn.exceptions import ConvergenceWarning

from .errors import InvalidInput


class WatchedFit:
    """One fit; complete when its block ends."""

    def __init__(self) -> None:
        self.seconds = 0.0  # wall clock
        self.converged = True  # False: the solver gave up at its limit of iterations

    def metrics(self) -> dict[str, float]:
        """train_seconds and converged (1 or 0), as metrics of the model."""
        return {"train_seconds": round(self.seconds, 6), "converged": int(self.converged)}


@contextlib.contextmanager
def watched_fit() -> Iterator[WatchedFit]:
    """Times the block and notes scikit-learn's warning that a solver did not converge; the log has it all the same.

    Raises InvalidInput for what scikit-learn refuses and no check before has seen: another attempt would not help.
    """
    fit, started = WatchedFit(), time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        try:
            yield fit
        except (ValueError, ZeroDivisionError) as error:
            raise InvalidInput(f"scikit-learn cannot learn from this table: {error}") from error
    fit.seconds = time.monotonic() - started
    fit.converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)

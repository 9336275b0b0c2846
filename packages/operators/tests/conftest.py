"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from workspace import Workspace

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As in the process pool. Threads that wait for each other are slow on a machine with other work."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty artifact root and a way to run operators in it."""
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with the real data sets: CELERIAC_SHARED_DIR, else `shared` beside the repository."""
    found = Path(os.environ.get("CELERIAC_SHARED_DIR") or REPOSITORY.parent / "shared")
    if (found / "data").is_dir():
        return found
    message = f"the real data sets are not in {found}; set CELERIAC_SHARED_DIR"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)

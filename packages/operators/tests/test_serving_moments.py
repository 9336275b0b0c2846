"""Moments that a deployment takes: the same as the gateway's, case by case (`check-rows.test.ts`)."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.artifacts.deployments import Deployment

CASES = {
    "2024-02-29": True,
    "2023-02-29": False,
    "1900-02-29": False,
    "2000-02-29": True,
    "2024-04-31": False,
    "2024-13-01": False,
    "0000-01-01": False,
    "0001-01-01": True,
    "2024-01-01T00:00": True,
    "2024-01-01 23:59:59.123456": True,
    "2024-01-01T23:59:59Z": True,
    "2024-01-01T23:59:59+08:00": True,
    "2024-01-01T24:00:00": False,
    "2024-01-01T12:60:00": False,
    "2024-01-01T12:00:60": False,
    "2024-01-01T12": False,
    "2024-1-1": False,
    "20240101": False,
    "2024-W01-1": False,
    "January 1, 2024": False,
    "2024": False,
    "": False,
}


@pytest.mark.parametrize(("text", "is_moment"), CASES.items())
def test_a_moment_is_the_same_here_and_in_the_gateway(text: str, is_moment: bool) -> None:
    problems: list[dict[str, Any]] = []
    value = Deployment._moment(text, "rows[0].x", problems)
    assert (value is not None, problems == []) == (is_moment, is_moment)

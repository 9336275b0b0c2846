"""Finds an algorithm and its manifest by name.

Built-in algorithms live in `celeriac.algorithms`; further ones in the directories of CELERIAC_ALGORITHMS_DIR
(separated by `os.pathsep`), each as `<algo_name>.py` beside `<algo_name>.json`. Built-ins win. A module is imported
the first time its algorithm runs; an algorithm outside the package is loaded again when one of its files changes.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .errors import AlgorithmNotFound, did_you_mean

BUILTIN_DIR = Path(__file__).parent / "algorithms"
NAME = re.compile(r"algo_[a-z0-9]+(_[a-z0-9]+)*")


class Algorithm(NamedTuple):
    """An algorithm that can run. `run(ctx)` returns nothing: outputs and metrics go through the context."""

    name: str
    manifest: dict[str, Any]
    run: Callable[[Any], None]


def find(algo_name: str) -> Algorithm:
    """The algorithm of this name. Raises AlgorithmNotFound, with the nearest name, or naming the broken file."""
    if not isinstance(algo_name, str) or not NAME.fullmatch(algo_name):
        raise AlgorithmNotFound(f"{algo_name!r} is not the name of an algorithm (algo_…)")
    if (BUILTIN_DIR / f"{algo_name}.json").is_file():
        return _builtin(algo_name)
    for directory in user_directories():
        source, manifest = directory / f"{algo_name}.py", directory / f"{algo_name}.json"
        if source.is_file() and manifest.is_file():
            return _from_files(source, manifest, source.stat().st_mtime_ns, manifest.stat().st_mtime_ns)
    names = [manifest["algo_name"] for manifest in manifests(include_hidden=True)]
    raise AlgorithmNotFound(
        f'no algorithm "{algo_name}" is installed{did_you_mean(algo_name, names)}', algo_name=algo_name
    )


def manifests(*, include_hidden: bool = False) -> list[dict[str, Any]]:
    """All manifests, sorted by name; the built-in one where a name occurs twice."""
    found: dict[str, dict[str, Any]] = {}
    for directory in [BUILTIN_DIR, *user_directories()]:
        for path in sorted(directory.glob("algo_*.json")):
            if path.with_suffix(".py").is_file() and path.stem not in found:
                found[path.stem] = read_manifest(path)
    return [found[name] for name in sorted(found) if include_hidden or not found[name].get("hidden")]


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in `path`. Raises AlgorithmNotFound when it is no JSON or names another algorithm."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["algo_name"] != path.stem:
            raise ValueError(f'it names "{manifest["algo_name"]}"')
        manifest["params"]["properties"], manifest["outputs"], manifest["inputs"]
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise AlgorithmNotFound(f"the manifest {path} cannot be used: {problem}") from problem
    return manifest


def user_directories() -> list[Path]:
    """The directories of CELERIAC_ALGORITHMS_DIR that exist."""
    parts = os.environ.get("CELERIAC_ALGORITHMS_DIR", "").split(os.pathsep)
    return [Path(part) for part in parts if part and Path(part).is_dir()]


def import_builtins() -> None:
    """Imports every built-in algorithm, so that a forked child finds it loaded."""
    for path in sorted(BUILTIN_DIR.glob("algo_*.json")):
        if path.with_suffix(".py").is_file():
            _builtin(path.stem)


@functools.cache
def _builtin(algo_name: str) -> Algorithm:
    module = importlib.import_module(f"celeriac.algorithms.{algo_name}")
    return Algorithm(algo_name, read_manifest(BUILTIN_DIR / f"{algo_name}.json"), module.run)


@functools.lru_cache(maxsize=64)
def _from_files(source: Path, manifest: Path, *_mtimes: int) -> Algorithm:
    spec = importlib.util.spec_from_file_location(f"celeriac_user_algorithms.{source.stem}", source)
    if spec is None or spec.loader is None:
        raise AlgorithmNotFound(f"{source} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = getattr(module, "run", None)
    if not callable(run):
        raise AlgorithmNotFound(f"{source} has no function run(ctx)")
    return Algorithm(source.stem, read_manifest(manifest), run)

"""What trainers report while they fit: values that rise and end at the total, cancelled between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans

from celeriac import context
from celeriac.algorithms import algo_local_model_forest as forest
from celeriac.artifacts.models import ModelArtifact
from celeriac.errors import Cancelled
from celeriac.operator_task import execute
from workspace import Result, Workspace

X = np.random.default_rng(2).normal(size=(300, 3))
COLUMNS = {**{name: X[:, i].tolist() for i, name in enumerate("abc")}, "y": (X[:, 0] > 0).astype(int).tolist()}
FEATURES = {"x_cols": ["a", "b", "c"]}

Report = tuple[float, float, str]


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report is sent, so that tests do not depend on the time that fits take."""
    monkeypatch.setattr(context, "PROGRESS_INTERVAL_S", 0.0)
    monkeypatch.setattr(forest, "CHUNK_S", 0.0)


def reports_of(workspace: Workspace, algo: str, **params: Any) -> tuple[list[Report], Result]:
    seen: list[Report] = []
    task = workspace.task(f"algo_local_{algo}", params, workspace.table(COLUMNS))
    result = Result(execute(task, lambda current, total, message: seen.append((current, total, message))))
    values = [current for current, _, _ in seen]
    assert values[0] == 0
    assert values == sorted(values)
    assert len({total for _, total, _ in seen}) == 1
    assert values[-1] == seen[-1][1]
    return seen, result


@pytest.mark.parametrize(
    ("algo", "params"),
    [
        ("model_gbdt", {}),
        ("model_gbdt", {"task": "regression"}),
        ("model_forest", {}),
        ("model_forest", {"task": "regression"}),
    ],
)
def test_trees_are_counted(workspace: Workspace, algo: str, params: dict[str, Any]) -> None:
    seen, result = reports_of(workspace, algo, y_col="y", n_estimators=6, **params)
    assert seen[0] == (0, 6, "reading")
    assert seen[1] == (0, 6, "fitting 300 rows, 3 features")
    assert [report for report in seen if report[2].startswith("tree")] == [
        (tree, 6, f"tree {tree} of 6") for tree in range(1, 7)
    ]
    assert result.metrics["trees"] == 6
    assert result.metrics["train_seconds"] > 0


def test_boosting_that_stops_early_says_so(workspace: Workspace) -> None:
    seen, result = reports_of(workspace, "model_gbdt", y_col="y", n_estimators=500, n_iter_no_change=2, tol=0.01)
    trees = int(result.metrics["trees"])
    assert trees < 500
    assert seen[-1] == (500, 500, f"trained, stopped early after {trees} trees")


@pytest.mark.parametrize(
    ("algo", "params"),
    [("model_2c_l", {}), ("model_mc_l", {}), ("model_mc_l", {"scheme": "ovr"}), ("model_linear", {})],
)
def test_solvers_without_steps_report_stages(workspace: Workspace, algo: str, params: dict[str, Any]) -> None:
    seen, _ = reports_of(workspace, algo, y_col="y", **params)
    assert seen == [
        (0, 3, "reading"), (1, 3, "fitting 300 rows, 3 features"), (2, 3, "writing"), (3, 3, "trained"),
    ]  # fmt: skip


def test_the_iterations_of_k_means_are_counted(workspace: Workspace) -> None:
    seen, result = reports_of(workspace, "kmeans", **FEATURES, n_clusters=4, n_init=3, max_iter=50)
    assert {total for _, total, _ in seen} == {150}
    for start in (1, 2, 3):
        told = [report for report in seen if f"start {start} of 3, iteration" in report[2]]
        assert [at for at, _, _ in told] == [(start - 1) * 50 + i for i in range(1, len(told) + 1)]
        inertias = [float(message.rpartition(" ")[2]) for _, _, message in told]
        assert inertias == sorted(inertias, reverse=True)
    iterations = sum("iteration " in message for _, _, message in seen)
    assert iterations == result.metrics["iterations_total"] > result.metrics["iterations"] > 1
    assert result.metrics["converged"] == 1


def test_several_numbers_of_clusters_are_one_progress(workspace: Workspace) -> None:
    seen, _ = reports_of(workspace, "kmeans", **FEATURES, n_clusters=2, k_max=4, n_init=2, max_iter=20)
    assert seen[-1][1] == 3 * 2 * 20
    assert [m.split(",")[0] for _, _, m in seen if "start 1 of 2, iteration 1," in m] == [
        "2 clusters", "3 clusters", "4 clusters",
    ]  # fmt: skip


def test_the_steps_of_mini_batches_are_counted(workspace: Workspace) -> None:
    given = {"n_clusters": 4, "n_init": 2, "max_iter": 10, "batch_size": 100}
    seen, result = reports_of(workspace, "kmeans", **FEATURES, **given, mini_batch=True)
    assert any("start 2 of 2, step 2, inertia" in message for _, _, message in seen)
    random = np.random.RandomState(0)
    arguments = {**given, "n_init": 1, "random_state": random}
    expected = [MiniBatchKMeans(**arguments).fit(X) for _ in range(2)]
    best = min(expected, key=lambda model: model.inertia_)
    np.testing.assert_array_equal(ModelArtifact(result.out()["uri"]).estimator.cluster_centers_, best.cluster_centers_)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_listening_changes_nothing(workspace: Workspace, algorithm: str) -> None:
    seen, result = reports_of(workspace, "kmeans", **FEATURES, n_clusters=5, n_init=4, algorithm=algorithm)
    expected = KMeans(5, n_init=4, algorithm=algorithm, random_state=0).fit(X)
    stored = ModelArtifact(result.out()["uri"]).estimator
    np.testing.assert_array_equal(stored.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(stored.labels_, expected.labels_)
    assert (stored.verbose, stored.random_state) == (0, 0)
    assert any("iteration 1, inertia" in message for _, _, message in seen)


def test_only_a_verbose_k_means_prints_its_iterations(workspace: Workspace, capsys: pytest.CaptureFixture) -> None:
    reports_of(workspace, "kmeans", **FEATURES)
    assert "Iteration" not in capsys.readouterr().out
    reports_of(workspace, "kmeans", **FEATURES, verbose=1)
    assert "Iteration 0, inertia" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("algo", "params", "step"),
    [
        ("model_gbdt", {"y_col": "y", "n_estimators": 100_000}, "tree 2 "),
        ("model_forest", {"y_col": "y", "n_estimators": 10_000}, "tree 2 "),
        ("kmeans", {**FEATURES, "n_init": 1000}, "iteration 2,"),
    ],
)
def test_a_fit_can_be_cancelled_between_steps(workspace: Workspace, algo: str, params: dict, step: str) -> None:
    after: list[str] = []

    def cancel(_current: float, _total: float, message: str) -> None:
        after.append(message)
        if step in message:
            raise Cancelled("the operator task was cancelled")  # as the signal's handler raises, in any line

    task = workspace.task(f"algo_local_{algo}", params, workspace.table(COLUMNS))
    with pytest.raises(Cancelled):
        execute(task, cancel)
    assert step in after[-1]


def test_a_long_stage_is_announced_however_short_the_one_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "PROGRESS_INTERVAL_S", 3600.0)
    seen, _ = reports_of(workspace, "model_2c_l", y_col="y")
    assert [message for _, _, message in seen][:2] == ["reading", "fitting 300 rows, 3 features"]
    seen, _ = reports_of(workspace, "model_gbdt", y_col="y", n_estimators=30)
    assert len(seen) <= 4  # of 30 trees, the first and the last report: an hour between two

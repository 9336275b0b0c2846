"""The runner protocol end to end: a parent, its children, and everything that goes wrong in them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner_client import WAIT_S, ChildHandle, RunnerClient
from workspace import Workspace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runner forks")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerClient]:
    with RunnerClient(tmp_path_factory.mktemp("runner")) as client:
        yield client


@pytest.fixture
def child(runner: RunnerClient, request: pytest.FixtureRequest) -> Iterator[ChildHandle]:
    handle = runner.fork(f"child-{request.node.name}")
    yield handle
    if handle.exited.empty():
        handle.kill()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def test_the_parent_says_hello_and_has_one_thread(runner: RunnerClient) -> None:
    assert runner.hello["versions"].keys() == {"python", "scikit_learn", "pandas", "pyarrow", "celeriac"}
    assert runner.hello["pid"] == runner.process.pid
    tasks = Path(f"/proc/{runner.process.pid}/task")
    if tasks.exists():  # a fork of a process with threads is unsafe
        assert len(list(tasks.iterdir())) == 1


def test_a_task_runs_and_its_output_is_complete_at_the_result(child: ChildHandle, workspace: Workspace) -> None:
    params = {"seconds": 0.02, "lines": 3, "stderr_lines": 2}
    frame = child.run(workspace.task("algo_local_test_sleep", params), delivery_id="d-7")
    assert (frame["status"], frame["delivery_id"]) == ("SUCCESS", "d-7")
    end = "\0celeriac-end d-7\n"
    eventually(lambda: child.text().endswith(end) and child.text("stderr").endswith(end))
    assert child.text() == f"line 1 of 3\nline 2 of 3\nline 3 of 3\n{end}"
    assert child.text("stderr") == f"stderr line 1\nstderr line 2\n{end}"


def test_progress_is_reported(child: ChildHandle, workspace: Workspace) -> None:
    child.start(workspace.task("algo_local_test_sleep", {"seconds": 0.4, "lines": 2}))
    frame = child.until("progress")
    assert (frame["current"], frame["total"], frame["message"]) == (0, 2, "sleeping")
    assert child.until("result")["status"] == "SUCCESS"


def test_a_child_runs_one_task_after_another(child: ChildHandle, workspace: Workspace) -> None:
    for _ in range(3):
        assert child.run(workspace.task("algo_local_pass_through", {}))["status"] == "SUCCESS"
        child.until("ready")
    child.send("stop")
    assert child.end() == (0, None)


def test_a_child_is_a_process_group_of_its_own(child: ChildHandle) -> None:
    assert os.getpgid(child.pid) == child.pid


@pytest.mark.parametrize(
    ("params", "code", "retryable", "exc_type"),
    [
        ({"message": "boom"}, "TASK_FAILED", True, "RuntimeError"),
        ({"exc_type": "InvalidInput"}, "TASK_INVALID_INPUT", False, "InvalidInput"),
        ({"exc_type": "SystemExit"}, "TASK_FAILED", True, "SystemExit"),
        ({"exc_type": "KeyboardInterrupt"}, "TASK_FAILED", True, "KeyboardInterrupt"),
        ({"exc_type": "MemoryError"}, "TASK_OUT_OF_MEMORY", True, "MemoryError"),
        ({"exc_type": "Unprintable"}, "TASK_FAILED", True, "Unprintable"),
        ({"exc_type": "Nonsense"}, "TASK_INVALID_PARAMS", False, "InvalidParams"),
    ],
)
def test_failures_are_results(
    child: ChildHandle, workspace: Workspace, params: dict, code: str, retryable: bool, exc_type: str
) -> None:
    frame = child.run(workspace.task("algo_local_test_fail", params))
    error = frame["error"]
    assert (frame["status"], error["code"], error["retryable"], error["exc_type"]) == (
        "FAILURE", code, retryable, exc_type,
    )  # fmt: skip
    assert error["message"]
    assert "Traceback" in error["traceback"]
    child.until("ready")
    assert child.run(workspace.task("algo_local_pass_through", {}))["status"] == "SUCCESS"


def test_an_unknown_algorithm_names_the_nearest(child: ChildHandle, workspace: Workspace) -> None:
    error = child.run(workspace.task("algo_local_split_dat", {}))["error"]
    assert error["code"] == "TASK_ALGORITHM_NOT_FOUND"
    assert 'did you mean "algo_local_split_data"?' in error["message"]


def test_a_missing_input_is_named(child: ChildHandle, workspace: Workspace) -> None:
    gone = {"uri": f"{workspace.uri}/runs/r/o/1/0", "type": "Table"}
    error = child.run(workspace.task("algo_local_split_data", {}, gone))["error"]
    assert (error["code"], error["retryable"]) == ("TASK_ARTIFACT_NOT_FOUND", False)


@pytest.mark.parametrize(
    ("mode", "expected"), [("kill9", (None, "SIGKILL")), ("exit", (3, None)), ("segfault", (None, "SIGSEGV"))]
)
def test_the_end_of_a_child_is_reported(
    runner: RunnerClient, child: ChildHandle, workspace: Workspace, mode: str, expected: tuple
) -> None:
    child.start(workspace.task("algo_local_test_crash", {"mode": mode}))
    assert child.end() == expected
    assert runner.fork(f"after-{mode}").run(workspace.task("algo_local_pass_through", {}))["status"] == "SUCCESS"
    eventually(lambda: f"about to misbehave: {mode}" in child.text())
    if mode == "segfault":
        eventually(lambda: "algo_local_test_crash.py" in child.text("stderr"))


def test_a_hanging_child_ignores_sigterm_and_dies_of_sigkill(child: ChildHandle, workspace: Workspace) -> None:
    child.start(workspace.task("algo_local_test_crash", {"mode": "hang"}))
    eventually(lambda: "about to misbehave" in child.text())
    eventually(lambda: signal_is_ignored(child.pid, signal.SIGTERM))
    os.kill(child.pid, signal.SIGTERM)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.end() == (None, "SIGKILL")


def signal_is_ignored(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_garbage_on_stdout_harms_nothing(child: ChildHandle, workspace: Workspace) -> None:
    frame = child.run(workspace.task("algo_local_test_crash", {"mode": "garbage_stdout"}), delivery_id="d-9")
    assert frame["status"] == "SUCCESS"
    end = b"\0celeriac-end d-9\n"
    eventually(lambda: child.output["stdout"].endswith(end) and child.output["stderr"].endswith(end))
    assert len(child.output["stdout"]) > 200_000


def test_garbage_on_the_control_connection_is_a_violation(child: ChildHandle, workspace: Workspace) -> None:
    child.start(workspace.task("algo_local_test_crash", {"mode": "garbage_frames"}))
    assert "exceeds" in child.until("violation")["problem"]


def test_a_frame_the_child_does_not_know_ends_it(child: ChildHandle) -> None:
    child.send("dance")
    assert child.end() == (70, None)
    assert "takes no dance frame" in child.text("stderr")


def test_the_memory_limit_is_an_error_and_is_lifted_again(child: ChildHandle, workspace: Workspace) -> None:
    task = workspace.task("algo_local_test_crash", {"mode": "memory"})
    error = child.run(task, memory_limit_bytes=200 * 2**20)["error"]
    assert (error["code"], error["retryable"]) == ("TASK_OUT_OF_MEMORY", True)
    assert "exceeded its memory limit of 200 MiB" in error["message"]
    child.until("ready")
    limit = Path(f"/proc/{child.pid}/limits").read_text()
    assert next(line for line in limit.splitlines() if "address space" in line).split()[3] == "unlimited"
    assert child.run(workspace.task("algo_local_pass_through", {}))["status"] == "SUCCESS"


def test_the_soft_time_limit_raises_in_the_operator(child: ChildHandle, workspace: Workspace) -> None:
    params = {"seconds": 60, "lines": 0, "catch_soft_limit": True}
    error = child.run(workspace.task("algo_local_test_sleep", params), soft_time_limit_s=0.1)["error"]
    assert (error["code"], error["retryable"]) == ("TASK_TIMED_OUT", True)
    assert error["message"] == "the soft time limit of 0.1 s was exceeded"
    eventually(lambda: "soft time limit caught" in child.text())
    child.until("ready")
    assert child.run(workspace.task("algo_local_test_sleep", {"seconds": 0.2}))["status"] == "SUCCESS"


def test_sigterm_cancels_a_running_task(child: ChildHandle, workspace: Workspace) -> None:
    child.start(workspace.task("algo_local_test_sleep", {"seconds": 60, "lines": 6000}))
    child.until("progress")
    os.kill(child.pid, signal.SIGTERM)
    assert child.until("result")["error"]["code"] == "TASK_CANCELLED"
    child.until("ready")
    assert child.run(workspace.task("algo_local_pass_through", {}))["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("algo", "params"),
    [
        ("kmeans", {"n_clusters": 50, "n_init": 1000, "tol": 0}),
        ("model_gbdt", {"y_col": "y", "n_estimators": 100_000}),
        ("model_forest", {"y_col": "y", "n_estimators": 10_000, "n_jobs": 2}),
    ],
)
def test_sigterm_cancels_a_fit_in_the_middle(
    child: ChildHandle, workspace: Workspace, algo: str, params: dict[str, Any]
) -> None:
    columns = {"a": [float(i * i % 997) for i in range(2000)], "y": [i % 2 for i in range(2000)]}
    child.start(workspace.task(f"algo_local_{algo}", params, workspace.table(columns)))
    while child.until("progress")["current"] == 0:
        pass
    os.kill(child.pid, signal.SIGTERM)
    assert child.until("result")["error"]["code"] == "TASK_CANCELLED"
    child.until("ready")
    # Nothing of the fit is left in the process: its output is a log again, and complete at the result.
    assert child.run(workspace.task("algo_local_test_sleep", {"lines": 1}), delivery_id="d-9")["status"] == "SUCCESS"
    eventually(lambda: "line 1 of 1\n\0celeriac-end d-9\n" in child.text())


def test_sigterm_between_tasks_ends_the_child_quietly(child: ChildHandle) -> None:
    os.kill(child.pid, signal.SIGTERM)
    assert child.end() == (0, None)
    assert child.text("stderr") == ""


def test_a_warning_is_logged_once_per_task(child: ChildHandle, workspace: Workspace) -> None:
    table = workspace.table({"x": [float(i % 7) * 1e6 + i for i in range(50)], "y": [i % 2 for i in range(50)]})
    params = {"y_col": "y", "max_iter": 1, "solver": "lbfgs"}
    for count in (1, 2):
        assert child.run(workspace.task("algo_local_model_2c_l", params, table))["status"] == "SUCCESS"
        child.until("ready")
        eventually(lambda expected=count: child.text("stderr").count("ConvergenceWarning") == expected)


def test_predictions_are_answered_from_memory(child: ChildHandle, workspace: Workspace) -> None:
    table = workspace.table({"x": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1]})
    model = workspace.run("algo_local_model_2c_l", {"y_col": "y", "C": 100}, table)
    uri = workspace.run("algo_local_model_deploy", {"name": "m"}, model.out()).out()["uri"]
    request: dict[str, Any] = {"delivery_id": "p1", "model_uri": uri, "columns": None}
    child.send("predict", rows=[{"x": 3}, {"x": 0}], **request)
    frame = child.until("result")
    assert frame["delivery_id"] == "p1"
    assert [answer["predict_result"] for answer in frame["result"]["predictions"]] == [1, 0]
    assert frame["result"]["model"] == {"name": "m"}
    child.send("predict", rows=[{"z": 3}], **request)
    error = child.until("result")["error"]
    assert error["code"] == "TASK_INVALID_PARAMS"
    assert error["details"] == [{"path": "rows[0].x", "expected": "number", "got": "nothing"}]
    child.send("predict", rows=[[3]] * 20_000, **{**request, "columns": ["x"]})
    assert child.until("result")["error"]["code"] == "BROKER_MESSAGE_TOO_LARGE"


def test_children_die_with_their_parent(tmp_path: Path, workspace: Workspace) -> None:
    with RunnerClient(tmp_path) as client:
        child = client.fork("c1")
        child.start(workspace.task("algo_local_test_sleep", {"seconds": 60}))
        child.until("progress")
        client.process.kill()
        assert child.next() is None  # its connection closes
        client.process.wait(WAIT_S)


def test_the_parent_ends_when_its_socket_closes(tmp_path: Path) -> None:
    with RunnerClient(tmp_path) as client:
        client._parent.stream.shutdown(socket.SHUT_RDWR)
        assert client.process.wait(WAIT_S) == 0
        client._parent = None


def test_a_fork_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from celeriac.runner.__main__ import Parent
    from celeriac.runner.frames import Connection

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    ours, theirs = socket.socketpair()
    Parent("", "")._fork({"v": 1, "type": "fork", "child_id": "c1"}, Connection(ours), (), None)
    frame = Connection(theirs).receive()
    assert (frame["type"], frame["child_id"], frame["exit_code"]) == ("exited", "c1", 71)

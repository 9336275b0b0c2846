"""The registry, the command line, the Celery task and error descriptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac import errors, registry
from celeriac.__main__ import main
from celeriac.errors import AlgorithmNotFound
from workspace import Workspace

MANIFEST = {
    **json.loads((registry.BUILTIN_DIR / "algo_local_pass_through.json").read_text()),
    "algo_name": "algo_local_mine",
}


@pytest.fixture
def user_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an algorithm of a user: one file and a manifest."""
    folder = tmp_path_factory.mktemp("algorithms")
    (folder / "algo_local_mine.json").write_text(json.dumps(MANIFEST))
    (folder / "algo_local_mine.py").write_text("def run(ctx):\n    ctx.metric('x', 1)\n    ctx.pass_on(0, None)\n")
    monkeypatch.setenv("CELERIAC_ALGORITHMS_DIR", f"/nowhere{os.pathsep}{folder}")
    return folder


def test_a_user_s_algorithm_is_found_listed_and_reloaded(user_dir: Path, workspace: Workspace) -> None:
    assert "algo_local_mine" in {m["algo_name"] for m in registry.manifests()}
    assert workspace.run("algo_local_mine", {}).metrics == {"x": 1}
    source = user_dir / "algo_local_mine.py"
    source.write_text(source.read_text().replace("1", "2"))
    os.utime(source, ns=(1, source.stat().st_mtime_ns + 1_000_000))
    assert workspace.run("algo_local_mine", {}).metrics == {"x": 2}


def test_a_built_in_algorithm_cannot_be_replaced(user_dir: Path) -> None:
    (user_dir / "algo_local_pass_through.py").write_text("run = None")
    (user_dir / "algo_local_pass_through.json").write_text("{}")
    assert registry.find("algo_local_pass_through").run.__module__ == "celeriac.algorithms.algo_local_pass_through"


@pytest.mark.parametrize(
    ("code", "manifest"), [("x = 1", MANIFEST), ("def run(ctx): ...", {**MANIFEST, "algo_name": "algo_x"})]
)
def test_a_broken_algorithm_is_named(user_dir: Path, code: str, manifest: dict) -> None:
    (user_dir / "algo_local_mine.py").write_text(code)
    (user_dir / "algo_local_mine.json").write_text(json.dumps(manifest))
    with pytest.raises(AlgorithmNotFound, match=r"algo_local_mine\.(py|json)"):
        registry.find("algo_local_mine")


@pytest.mark.parametrize("name", ["../etc/passwd", "algo_local_Read", "os", "algo_local_pass_through.py", None])
def test_only_algorithm_names_are_looked_up(name: str) -> None:
    with pytest.raises(AlgorithmNotFound, match="is not the name of an algorithm"):
        registry.find(name)


def test_manifests_are_printed_as_one_json_list(capsys: pytest.CaptureFixture) -> None:
    assert main(["manifests"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == registry.manifests()
    assert main(["manifests", "--all"]) == 0
    hidden = [manifest for manifest in json.loads(capsys.readouterr().out) if manifest not in shown]
    assert [manifest["algo_name"].rpartition("_")[2] for manifest in hidden] == ["crash", "fail", "sleep"]


@pytest.fixture
def kept_signals() -> Iterator[None]:
    """The handlers of this process, put back: the command takes them over."""
    numbers = (signal.SIGTERM, signal.SIGALRM)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("kept_signals")
def test_one_operator_runs_in_the_foreground(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(workspace.task("algo_local_test_sleep", {"seconds": 0})))
    assert main(["run-operator", str(file)]) == 0
    assert '"outputs": {}' in capsys.readouterr().out
    file.write_text(json.dumps(workspace.task("algo_local_test_fail", {})))
    assert main(["run-operator", str(file)]) == 1
    assert '"code": "TASK_FAILED"' in capsys.readouterr().out
    assert main(["run-operator", str(tmp_path / "none.json")]) == 2


def run_for_a_program(task: dict, *options: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen:
    """The command as a program starts it, with the task on standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "celeriac", "run-operator", "-", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    process.stdin.write(json.dumps(task))
    process.stdin.close()
    process.stdin = None
    return process


def test_a_program_gets_events_on_its_own_descriptor_and_the_output_apart(workspace: Workspace) -> None:
    reading, writing = os.pipe()
    task = workspace.task("algo_local_test_sleep", {"seconds": 0, "lines": 2, "stderr_lines": 1})
    process = run_for_a_program(task, "--events-fd", str(writing), pass_fds=(writing,))
    os.close(writing)
    out, err = process.communicate()
    with open(reading, encoding="utf-8") as stream:
        events = [json.loads(line) for line in stream]
    assert process.returncode == 0
    assert out == "line 1 of 2\nline 2 of 2\n"
    assert err == "stderr line 1\n"
    assert events[0] == {"type": "progress", "current": 0, "total": 2, "message": "sleeping"}
    assert events[-1]["type"] == "result"
    assert events[-1]["status"] == "SUCCESS"
    assert events[-1]["result"]["outputs"] == {}


def test_events_on_standard_output_move_the_operator_s_own_output_to_standard_error(workspace: Workspace) -> None:
    process = run_for_a_program(workspace.task("algo_local_test_fail", {"message": "no"}), "--events-fd", "1")
    out, _err = process.communicate()
    assert process.returncode == 1
    (event,) = [json.loads(line) for line in out.splitlines()]
    assert event["status"] == "FAILURE"
    assert event["error"]["code"] == "TASK_FAILED"
    assert event["error"]["message"] == "no"
    process = run_for_a_program(workspace.task("algo_local_test_sleep", {"seconds": 0, "lines": 1}), "--events-fd", "1")
    out, err = process.communicate()
    assert err == "line 1 of 1\n"
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["progress", "result"]


def test_sigterm_cancels_the_operator(workspace: Workspace) -> None:
    task = workspace.task("algo_local_test_sleep", {"seconds": 60, "lines": 1})
    process = run_for_a_program(task, "--events-fd", "1")
    assert json.loads(process.stdout.readline())["type"] == "progress"
    process.terminate()
    out, _err = process.communicate()
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "TASK_CANCELLED"


def test_the_soft_time_limit_ends_the_operator(workspace: Workspace) -> None:
    task = workspace.task("algo_local_test_sleep", {"seconds": 60})
    out, _err = run_for_a_program(task, "--events-fd", "1", "--soft-time-limit", "0.1").communicate()
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "TASK_TIMED_OUT"


def test_the_celery_task_runs_operators_and_ignores_unknown_kwargs(workspace: Workspace) -> None:
    celery_app = pytest.importorskip("celeriac.celery_app")
    assert celery_app.run_operator.name == "celeriac.run_operator"
    celery_app.app.conf.task_always_eager = True
    task = workspace.task("algo_local_split_data", {}, workspace.table({"n": list(range(10))}))
    answer = celery_app.run_operator.apply(kwargs={**task, "some_new_field": 1})
    assert answer.get()["metrics"] == {"first_rows": 8, "second_rows": 2}
    failed = celery_app.run_operator.apply(kwargs=workspace.task("algo_local_split_data", {"ext1": 7}))
    assert type(failed.result).__name__ == "InvalidParams"


def test_a_description_is_bounded_json() -> None:
    def deep(n: int) -> None:
        if n == 0:
            raise ValueError("x" * 100_000, {"not": {"json"}})
        deep(n - 1)

    with pytest.raises(ValueError, match="x") as caught:
        deep(500)
    described = errors.describe(caught.value)
    assert len(json.dumps(described)) < 64 * 1024
    assert described["retryable"] is True


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("LIMIT_BALL", ["LIMIT_BAL", "AGE"], "LIMIT_BAL"),
        ("limit_bal", ["LIMIT_BAL"], "LIMIT_BAL"),
        ("qq", ["AGE"], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], found: str | None) -> None:
    assert errors.nearest(name, known) == found


def test_the_celery_result_names_no_artifact_that_does_not_exist(workspace: Workspace) -> None:
    celery_app = pytest.importorskip("celeriac.celery_app")
    answer = celery_app.run_operator.apply(kwargs=workspace.task("algo_local_pass_through", {}))
    assert answer.get()["outputs"] == {}

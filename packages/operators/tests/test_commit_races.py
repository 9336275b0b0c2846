"""Two executions of one attempt, and attempts that were replaced: what is committed is whole, and stays as it is."""

from __future__ import annotations

import contextlib
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pytest

from celeriac.artifacts import commit, storage, uris
from celeriac.artifacts.commit import Outputs, require_committed, stored_result
from celeriac.artifacts.tables import TableArtifact
from celeriac.errors import ArtifactNotFound, describe
from celeriac.operator_task import execute
from workspace import Workspace

numbers = itertools.count(1)


@pytest.fixture
def remote() -> Iterator[str]:
    """The prefix of an attempt on a store that has no rename."""
    root = f"/races-{next(numbers)}"
    yield f"memory:/{root}/run/op/1"
    with contextlib.suppress(FileNotFoundError):
        fsspec.filesystem("memory").rm(root, recursive=True)


def files(prefix: str) -> dict[str, bytes]:
    """Everything below a remote prefix."""
    fs, path = storage.filesystem(prefix)
    return {name: fs.cat_file(name) for name in fs.find(path)}


def written(prefix: str, text: str) -> Outputs:
    outputs = Outputs(prefix)
    for name in ("part-1", "part-2"):
        storage.write_bytes(uris.join(outputs.place("0"), name), text.encode())
    return outputs


def result_of(outputs: Outputs) -> dict[str, Any]:
    return {"outputs": {"0": {"type": "Table", "uri": outputs.uri("0")}}}


def parts(result: dict[str, Any]) -> set[bytes]:
    uri = result["outputs"]["0"]["uri"]
    require_committed(uri)
    return {storage.read_bytes(uris.join(uri, name)) for name in ("part-1", "part-2")}


def at_once(actions: list[Callable[[], Any]]) -> list[Any]:
    """Runs all in threads that begin together; the results in the order in which they came."""
    barrier, results = threading.Barrier(len(actions)), []

    def act(action: Callable[[], Any]) -> None:
        barrier.wait()
        results.append(action())

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(actions)
    return results


def test_the_second_execution_reports_the_first_and_removes_what_is_its_own(remote: str) -> None:
    mine, theirs = written(remote, "mine"), written(remote, "theirs")
    first = theirs.commit(result_of(theirs))
    before = files(remote)
    assert mine.commit(result_of(mine)) == first == stored_result(remote)
    assert parts(first) == {b"theirs"}
    after = files(remote)
    assert all("theirs" not in name or before[name] == after[name] for name in before)
    assert b"mine" not in after.values()
    mine.discard()
    assert files(remote) == after


def test_executions_that_write_at_the_same_time_never_mix_their_files(remote: str) -> None:
    def execution(text: str) -> Callable[[], dict[str, Any]]:
        def run() -> dict[str, Any]:
            outputs = written(remote, text)
            return outputs.commit(result_of(outputs))

        return run

    results = at_once([execution(f"execution {n}") for n in range(8)])
    assert results == [results[0]] * 8
    assert len(parts(results[0])) == 1
    assert stored_result(remote) == results[0]


def test_a_store_without_exclusive_creation_may_have_two_winners_but_only_whole_ones(
    remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2)

    def overwrite(uri: str, content: bytes) -> None:
        together.wait()  # both have seen that nothing is there
        storage.write_bytes(uri, content)

    monkeypatch.setattr(storage, "create_bytes", overwrite)
    both = [written(remote, "a"), written(remote, "b")]
    results = at_once([lambda o=outputs: o.commit(result_of(o)) for outputs in both])
    assert stored_result(remote) in results
    for result in results:
        assert len(parts(result)) == 1


def test_a_store_that_does_not_know_the_mode_keeps_what_is_there(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TypeError("unexpected keyword argument 'mode'")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", refuse)
    mine, theirs = written(remote, "mine"), written(remote, "theirs")
    first = theirs.commit(result_of(theirs))
    assert mine.commit(result_of(mine)) == first


def test_a_store_that_overlooks_the_mode_keeps_what_is_there(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = type(fsspec.filesystem("memory"))
    write = store.pipe_file

    def overwrite(self: Any, path: str, value: bytes, mode: str = "", **_: Any) -> None:
        write(self, path, value)

    monkeypatch.setattr(store, "pipe_file", overwrite)
    mine, theirs = written(remote, "mine"), written(remote, "theirs")
    first = theirs.commit(result_of(theirs))
    assert mine.commit(result_of(mine)) == first == stored_result(remote)


def test_what_a_crash_left_before_the_manifest_is_read_by_nobody(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    crashed = written(remote, "crashed")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(storage, "create_bytes", die)
        crashed.commit(result_of(crashed))
    assert stored_result(remote) is None
    with pytest.raises(ArtifactNotFound, match="was never committed"):
        require_committed(crashed.uri("0"))
    second = written(remote, "second")
    assert parts(second.commit(result_of(second))) == {b"second"}


def test_a_failed_execution_removes_its_folder_only(remote: str) -> None:
    failed, other = written(remote, "failed"), written(remote, "other")
    failed.discard()
    assert set(files(remote).values()) == {b"other"}
    assert parts(other.commit(result_of(other))) == {b"other"}


def test_what_an_earlier_version_committed_in_place_is_still_read(remote: str) -> None:
    storage.write_bytes(uris.join(remote, "0", "part-1"), b"old")
    storage.write_bytes(uris.join(remote, commit.MARKER), b'{"format": 1, "result": {"old": true}}')
    require_committed(uris.join(remote, "0"))
    assert stored_result(remote) == {"old": True}


@pytest.mark.parametrize("is_local", [True, False])
def test_an_attempt_that_wakes_up_after_it_was_replaced_changes_nothing_of_its_successor(
    workspace: Workspace, remote: str, is_local: bool
) -> None:
    def task(attempt: int, rows: int) -> dict[str, Any]:
        given = workspace.table({"n": list(range(rows))})
        task = workspace.task("algo_local_split_data", {}, given, operator_id="op", attempt=attempt)
        return task if is_local else {**task, "output_prefix": uris.join(uris.parent(remote), str(attempt))}

    def tree(prefix: str) -> dict[str, bytes]:
        if not is_local:
            return files(prefix)
        return {str(path): path.read_bytes() for path in uris.to_path(prefix).rglob("*") if path.is_file()}

    late, current = task(1, rows=10), task(2, rows=50)
    result = execute(current)
    before = tree(current["output_prefix"])
    stale = execute(late)
    assert tree(current["output_prefix"]) == before
    assert stored_result(current["output_prefix"]) == result
    assert TableArtifact(result["outputs"]["0"]["uri"]).read().num_rows == 40
    assert stale["outputs"]["0"]["uri"].startswith(late["output_prefix"])


def test_a_full_disk_is_named_and_may_be_tried_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    task = workspace.task("algo_local_split_data", {}, workspace.table({"n": list(range(50))}))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left") as raised:
        patch.setattr(storage, "open_write", lambda _uri: io.FileIO("/dev/full", "wb"))
        execute(task)
    described = describe(raised.value)
    assert (described["code"], described["retryable"]) == ("STORE_FULL", True)
    assert described["message"].startswith("the disk is full (")
    assert execute(task)["outputs"]["0"]["rows"] == 40


def test_a_full_disk_is_found_behind_what_an_operator_made_of_it() -> None:
    with pytest.raises(RuntimeError) as raised:
        try:
            raise OSError(28, "No space left on device")
        except OSError as problem:
            raise RuntimeError("cannot write") from problem
    assert describe(raised.value)["code"] == "STORE_FULL"
    assert describe(OSError(2, "No such file"))["code"] == "TASK_FAILED"

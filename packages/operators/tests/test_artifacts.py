"""Sidecars, strict JSON, URIs and the atomic commit."""

from __future__ import annotations

import json
import math
import shutil
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.artifacts import commit, statistics, strict_json, uris
from celeriac.artifacts.tables import TableArtifact
from celeriac.errors import ArtifactNotFound, Cancelled, OperatorError
from celeriac.operator_task import execute
from workspace import Result, Workspace


def read_sidecar(reference: dict[str, Any]) -> dict[str, Any]:
    return TableArtifact(reference["uri"]).sidecar


class TestTableSidecar:
    def test_statistics_by_type(self, workspace: Workspace) -> None:
        table = {
            "i": [3, 1, None, 3],
            "f": [0.5, float("nan"), float("inf"), 1.5],
            "b": [True, False, True, None],
            "s": ["x", "y", "x", ""],
            "d": [datetime(2018, 1, 2), None, datetime(2018, 1, 1), datetime(2018, 1, 1)],
        }
        sidecar = read_sidecar(workspace.table(table))
        columns = {column["name"]: column for column in sidecar["columns"]}
        i = columns["i"]
        assert (i["dtype"], i["nulls"], i["distinct"], i["min"], i["max"]) == ("int64", 1, 2, 1, 3)
        assert (i["mean"], i["std"]) == (pytest.approx(7 / 3), pytest.approx(np.std([3, 1, 3], ddof=1)))
        assert i["top"] == [[3, 2], [1, 1]]
        assert (columns["f"]["nulls"], columns["f"]["min"], columns["f"]["max"]) == (1, 0.5, 1.5)
        assert (columns["b"]["dtype"], columns["b"]["mean"]) == ("boolean", pytest.approx(2 / 3))
        assert columns["s"]["top"][0] == ["x", 2]
        assert columns["d"]["min"] == "2018-01-01T00:00:00"
        assert sidecar["rows"] == 4
        assert sidecar["preview"]["rows"][1] == [1, None, False, "y", None]

    def test_the_preview_has_at_most_50_rows(self, workspace: Workspace) -> None:
        assert len(read_sidecar(workspace.table({"a": list(range(60))}))["preview"]["rows"]) == 50

    def test_a_wide_table_still_fits(self) -> None:
        wide = pa.table({f"column_{i}": np.random.default_rng(i).normal(size=60) for i in range(1500)})
        sidecar = {"columns": statistics.describe(wide), "preview": statistics.preview(wide)}
        content = statistics.fit(sidecar)
        assert len(content) <= statistics.SIDECAR_LIMIT_BYTES
        assert len(json.loads(content)["columns"]) == 1500

    def test_an_empty_table(self, workspace: Workspace) -> None:
        sidecar = read_sidecar(
            workspace.table(pa.table({"a": pa.array([], pa.float64()), "s": pa.array([], pa.string())}))
        )
        assert (sidecar["rows"], sidecar["columns"][0]["mean"]) == (0, None)

    def test_equal_content_has_an_equal_hash(self, workspace: Workspace) -> None:
        hashes = {read_sidecar(workspace.table({"a": values}))["data_hash"] for values in ([1, 2], [1, 2], [2, 1])}
        assert len(hashes) == 2

    def test_a_pandas_frame_round_trips(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        from celeriac import registry

        def run(ctx: Any) -> None:
            frame = ctx.frame(0)
            assert str(frame["i"].dtype) == "Int64"
            ctx.write_table(0, frame.assign(j=frame["i"] + 1, s=pd.Series(["é", None])))

        manifest = registry.find("algo_local_pass_through").manifest
        monkeypatch.setattr(registry, "find", lambda name: registry.Algorithm(name, manifest, run))
        out = workspace.run("algo_local_any", {}, workspace.table({"i": [1, None]}))
        assert out.columns() == {"i": [1, None], "j": [2, None], "s": ["é", None]}


class TestStrictJson:
    @given(st.recursive(st.floats() | st.integers() | st.text() | st.none(), lambda x: st.lists(x), max_leaves=5))
    def test_what_is_written_is_json_for_everyone(self, value: Any) -> None:
        def refuse(text: str) -> None:
            raise AssertionError(text)

        json.loads(strict_json.dumps(value), parse_constant=refuse)

    def test_numpy_and_dates(self) -> None:
        value = {1: np.int8(3), "a": np.array([1.5, math.nan]), "b": np.bool_(True), "t": datetime(2018, 1, 1)}
        assert json.loads(strict_json.dumps(value)) == {"1": 3, "a": [1.5, None], "b": True, "t": "2018-01-01T00:00:00"}

    def test_nothing_is_guessed(self) -> None:
        with pytest.raises(TypeError, match="set has no place in JSON"):
            strict_json.dumps({"a": {1}})


class TestUris:
    @given(
        st.lists(
            st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1), min_size=1
        )
    )
    def test_paths_survive(self, parts: list[str]) -> None:
        path = Path("/", *(part if part not in (".", "..") else "x" for part in parts))
        assert uris.to_path(uris.from_path(path)) == path

    @pytest.mark.parametrize("uri", ["relative/x", "file://host/x", "s3://bucket/x", "file:///x?y"])
    def test_what_is_no_local_file_is_refused(self, uri: str) -> None:
        with pytest.raises(ValueError, match=r"is not|names a host|has a query"):
            uris.to_path(uri)


class TestCommit:
    def task(self, workspace: Workspace, **params: Any) -> dict[str, Any]:
        return workspace.task(
            "algo_local_split_data", params, workspace.table({"n": list(range(50))}), operator_id="op"
        )

    def attempt_files(self, workspace: Workspace) -> list[str]:
        folder = workspace.root / "runs" / "run-1" / "op"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def test_a_redelivery_returns_the_stored_result(self, workspace: Workspace) -> None:
        first = execute(self.task(workspace))
        stamp = (workspace.root / "runs/run-1/op/1/0/table.parquet").stat().st_mtime_ns
        assert execute(self.task(workspace, ext1=0.3)) == first
        assert (workspace.root / "runs/run-1/op/1/0/table.parquet").stat().st_mtime_ns == stamp

    def test_concurrent_deliveries_commit_once(self, workspace: Workspace) -> None:
        task, start, results = self.task(workspace), threading.Barrier(4), []

        def deliver() -> None:
            start.wait()
            results.append(execute(task))

        threads = [threading.Thread(target=deliver) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [results[0]] * 4
        assert self.attempt_files(workspace) == ["1"]

    def test_a_lost_race_drops_its_staging_and_reports_the_winner(self, workspace: Workspace) -> None:
        mine, theirs = commit.Outputs(workspace.prefix("op")), commit.Outputs(workspace.prefix("op"))
        for outputs in (mine, theirs):
            (uris.to_path(outputs.place("0"))).mkdir(parents=True)
        theirs.commit({"winner": True})
        assert mine.commit({"winner": False}) == {"winner": True}
        assert self.attempt_files(workspace) == ["1"]

    @pytest.mark.parametrize("error", [OSError("disk full"), Cancelled(), MemoryError()])
    def test_a_crash_before_the_rename_leaves_nothing_readable(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        task = self.task(workspace)
        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(error))
            execute(task)
        assert self.attempt_files(workspace) == []
        with pytest.raises(ArtifactNotFound, match="does not exist"):
            TableArtifact(uris.join(task["output_prefix"], "0"))
        assert execute(task)["outputs"]["0"]["rows"] == 40

    def test_readers_refuse_what_was_not_committed(self, workspace: Workspace) -> None:
        reference = workspace.table({"a": [1]})
        (uris.to_path(uris.parent(reference["uri"])) / commit.MARKER).unlink()
        with pytest.raises(ArtifactNotFound, match="was never committed"):
            workspace.run("algo_local_split_data", {}, reference)

    def test_a_foreign_directory_in_the_way_is_an_error(self, workspace: Workspace) -> None:
        place = workspace.root / "runs/run-1/op/1"
        place.mkdir(parents=True)
        (place / "something").write_text("")
        with pytest.raises(OperatorError, match="exists but was not committed"):
            execute(self.task(workspace))

    def test_an_unwritten_output_is_a_bug_of_the_algorithm(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from celeriac import registry

        manifest = registry.find("algo_local_split_data").manifest
        lazy = registry.Algorithm(
            "algo_local_split_data", manifest, lambda ctx: ctx.write_table(1, pa.table({"a": [1]}))
        )
        monkeypatch.setattr(registry, "find", lambda _: lazy)
        with pytest.raises(OperatorError, match="wrote no output 0"):
            execute(self.task(workspace))
        assert self.attempt_files(workspace) == []

    def test_object_stores_are_committed_by_the_marker(self, workspace: Workspace) -> None:
        import fsspec

        task = {**self.task(workspace), "output_prefix": "memory://artifacts/op/1"}
        result = Result(execute(task))
        assert TableArtifact(result.out()["uri"]).read().num_rows == 40
        assert execute(task) == result.raw
        fsspec.filesystem("memory").rm("/artifacts/op/1/_committed.json")
        with pytest.raises(ArtifactNotFound, match="was never committed"):
            TableArtifact(result.out()["uri"])

    def test_pass_through_writes_nothing(self, workspace: Workspace) -> None:
        reference = workspace.table({"a": [1]})
        result = workspace.run("algo_local_pass_through", {}, reference, operator_id="op")
        assert result.raw["outputs"] == {"0": {"type": "Table", "uri": reference["uri"]}}
        assert self.attempt_files(workspace) == []
        again = workspace.run("algo_local_pass_through", {})
        assert again.raw["outputs"] == {}
        shutil.rmtree(workspace.root)

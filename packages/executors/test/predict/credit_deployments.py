"""The credit data through our operators: models deployed with their standardisation, and Python's answers.

    python credit_deployments.py DIRECTORY CREDIT_CSV [TREES]

prints one JSON line per model: {"name", "uri", "rows", "answers"} over the whole test split (ID divisible by 5).
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "operators" / "tests"))

from celeriac.artifacts.deployments import Deployment
from workspace import Workspace

FEATURES = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", "PAY_0", *(f"PAY_{i}" for i in range(2, 7))]
FEATURES += [f"{name}{i}" for name in ("BILL_AMT", "PAY_AMT") for i in range(1, 7)]


def deployments(root: Path, csv: Path, trees: int) -> list[dict[str, Any]]:
    workspace = Workspace(root)
    rename = {"default.payment.next.month": "next_month"}
    workspace.dataset("40", csv, rename=rename, format="csv")
    credit = workspace.run("algo_local_read_file", {"data_id": 40})
    parts = workspace.run("algo_local_split_data", {"split_type": 3, "ext1": "ID", "ext2": 5}, credit.out())
    scaled = workspace.run("algo_local_standardize", {"columns": FEATURES}, parts.out(0))
    common = {"x_cols": FEATURES, "y_col": "next_month", "pre_value": 1}
    boosting = common | {"n_estimators": trees, "max_depth": 3, "random_state": 0}
    models = {
        "logistic": workspace.run("algo_local_model_2c_l", common | {"tol": 1e-10}, scaled.out()),
        "boosted": workspace.run("algo_local_model_gbdt", boosting, parts.out(0)),
    }
    rows = parts.table(1).select(FEATURES).to_pylist()
    out = []
    for name, model in models.items():
        uri = workspace.run("algo_local_model_deploy", {"name": name}, model.out()).out()["uri"]
        out.append({"name": name, "uri": uri, "rows": rows, "answers": Deployment.load(uri).predict(rows)})
    return out


def main() -> None:
    trees = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    with contextlib.redirect_stdout(sys.stderr):  # the operators print their logs
        made = deployments(Path(sys.argv[1]), Path(sys.argv[2]), trees)
    for line in made:
        print(json.dumps(line))


if __name__ == "__main__":
    main()

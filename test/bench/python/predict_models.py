"""Fits the two models of the predict benchmark for its Python peers: `predict_models.py DATA.csv DIRECTORY`.

Writes lr.joblib and gbdt.joblib, pipelines of the same steps and parameters as the DAG of the benchmark, and prints the
probabilities that they give to the first rows, as JSON: {"lr": [...], "gbdt": [...]}.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SHOWN_ROWS = 50


def main() -> None:
    data, directory = sys.argv[1], Path(sys.argv[2])
    table = np.genfromtxt(data, delimiter=",", skip_header=1)
    features, labels = table[:, :-1], table[:, -1].astype(int)
    learners = {
        "lr": LogisticRegression(solver="liblinear", C=1.0),
        "gbdt": GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0),
    }
    shown = {}
    for name, learner in learners.items():
        model = make_pipeline(StandardScaler(), learner).fit(features, labels)
        joblib.dump(model, directory / f"{name}.joblib")
        shown[name] = model.predict_proba(features[:SHOWN_ROWS])[:, 1].tolist()
    print(json.dumps(shown))


main()

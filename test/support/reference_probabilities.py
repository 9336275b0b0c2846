"""Probabilities that scikit-learn, called directly, gives to rows of a table, by logistic regression and GBDT.

Usage: python reference_probabilities.py TABLE.csv FEATURES,… TARGET ROWS TREES
Fits StandardScaler + each model on the whole table; prints {"lr": [...], "gbdt": [...]} for its first ROWS rows.
"""

import json
import sys

import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

file, features, target, rows, trees = sys.argv[1:]
table = pd.read_csv(file)
x, y = table[features.split(",")].to_numpy(float), table[target].to_numpy(int)
x = StandardScaler().fit_transform(x)
models = {
    "lr": LogisticRegression(solver="liblinear", C=1, max_iter=100, tol=1e-4),
    "gbdt": GradientBoostingClassifier(n_estimators=int(trees), max_depth=3, learning_rate=0.1, random_state=0),
}
print(json.dumps({n: m.fit(x, y).predict_proba(x[: int(rows)])[:, 1].tolist() for n, m in models.items()}))

"""What scikit-learn says, called directly, about the tables that a run of the platform produced.

Usage: python reference_evaluation.py TRAIN.parquet TEST.parquet FEATURES,… TARGET MODEL(lr|gbdt) [--standardize]
Prints one JSON object with the metrics of the model that was fitted on TRAIN and scored on TEST.
"""

import json
import sys

import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)
from sklearn.preprocessing import StandardScaler

train_file, test_file, features, target, model_name, *options = sys.argv[1:]
columns = features.split(",")
train, test = pd.read_parquet(train_file), pd.read_parquet(test_file)
x_train, x_test = train[columns].to_numpy(float), test[columns].to_numpy(float)
if "--standardize" in options:
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
model = (
    LogisticRegression(solver="liblinear", C=1, max_iter=100, tol=1e-4)
    if model_name == "lr"
    else GradientBoostingClassifier(n_estimators=100, max_depth=3, learning_rate=0.1, random_state=0)
)
y_train, y_test = train[target].to_numpy(int), test[target].to_numpy(int)
model.fit(x_train, y_train)
score = model.predict_proba(x_test)[:, 1]
label = model.predict(x_test)
false_rate, true_rate, _ = roc_curve(y_test, score)
print(
    json.dumps(
        {
            "rows": len(y_test),
            "auc": roc_auc_score(y_test, score),
            "ks": float(max(true_rate - false_rate)),
            "ap": average_precision_score(y_test, score),
            "accuracy": accuracy_score(y_test, label),
            "precision": precision_score(y_test, label, zero_division=0),
            "recall": recall_score(y_test, label),
            "f1": f1_score(y_test, label),
            "log_loss": log_loss(y_test, score),
            "brier": brier_score_loss(y_test, score),
        }
    )
)

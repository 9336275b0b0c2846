"""Measures and curves of a binary classifier.

All functions take arrays of shape (rows,): `truth` (bool), `score` (probability of the positive label, or None),
`predicted` (bool), `weights` (or None: every row weighs 1). A measure that does not exist for the data (the AUC of one
class, say) is null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from .artifacts import reports

Array = np.ndarray
LOG_LOSS_EPSILON = np.finfo(np.float64).eps


def measure(truth: Array, score: Array | None, predicted: Array, weights: Array | None) -> dict[str, Any]:
    """Flat measures: auc, ks, ap, accuracy, precision, recall, f1, log_loss, brier, tn, fp, fn, tp, and counts.

    precision, recall and f1 are 0 where their denominator is, as scikit-learn has it.
    """
    weight = np.ones(len(truth)) if weights is None else weights
    tp, fp = weight[truth & predicted].sum(), weight[~truth & predicted].sum()
    fn, tn = weight[truth & ~predicted].sum(), weight[~truth & ~predicted].sum()
    total = weight.sum()
    out: dict[str, Any] = {"auc": None, "ks": None, "ap": None}
    out["accuracy"] = _ratio(tp + tn, total)
    out["precision"], out["recall"] = _ratio(tp, tp + fp), _ratio(tp, tp + fn)
    out["f1"] = _ratio(2 * tp, 2 * tp + fp + fn)
    out |= {"log_loss": None, "brier": None}
    if score is not None:
        out |= _score_measures(truth, score, weights, weight)
    whole = weights is None
    counts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp, "rows": len(truth), "positives": int(truth.sum())}
    return out | {name: int(value) if whole else float(value) for name, value in counts.items()}


def charts(truth: Array, score: Array | None, predicted: Array, weights: Array | None, bins: int) -> list[dict]:
    """Confusion matrix, and with a score: ROC, PR, KS, lift, gain and calibration curves, and the gains table."""
    weight = np.ones(len(truth)) if weights is None else weights
    cells = [[weight[(truth == t) & (predicted == p)].sum() for p in (False, True)] for t in (False, True)]
    sides = ["negative", "positive"]
    out = [reports.matrix("confusion", "Confusion matrix (rows: truth, columns: prediction)", sides, sides, cells)]
    if score is None or not _has_both(truth, weight):
        return out
    fpr, tpr, thresholds = roc_curve(truth, score, sample_weight=weights)
    precision, recall, _ = precision_recall_curve(truth, score, sample_weight=weights)
    diagonal = ([0.0, 1.0], [0.0, 1.0])
    out.append(
        reports.curve(
            "roc",
            "ROC",
            "false positive rate",
            "true positive rate",
            {"model": (fpr, tpr), "chance": diagonal},
        )
    )
    out.append(
        reports.curve("pr", "Precision-recall", "recall", "precision", {"model": (recall[::-1], precision[::-1])})
    )
    at = np.clip(thresholds, 0, 1)[::-1]  # the first threshold is infinite
    series = {
        "positives": (at, 1 - tpr[::-1]),
        "negatives": (at, 1 - fpr[::-1]),
        "ks": (at, (tpr - fpr)[::-1]),
    }
    out.append(reports.curve("ks", "Kolmogorov-Smirnov", "score", "cumulative share", series))
    return [*out, *_gains(truth, score, weight, bins), _calibration(truth, score, weight, bins)]


def _score_measures(truth: Array, score: Array, weights: Array | None, weight: Array) -> dict[str, Any]:
    clipped = np.clip(score, LOG_LOSS_EPSILON, 1 - LOG_LOSS_EPSILON)
    losses = -np.log(np.where(truth, clipped, 1 - clipped))
    out: dict[str, Any] = {
        "log_loss": float(np.average(losses, weights=weight)),
        "brier": float(np.average((truth - score) ** 2, weights=weight)),
    }
    if _has_both(truth, weight):
        fpr, tpr, _ = roc_curve(truth, score, sample_weight=weights)
        out["auc"] = float(roc_auc_score(truth, score, sample_weight=weights))
        out["ks"] = float(np.max(tpr - fpr))
        out["ap"] = float(average_precision_score(truth, score, sample_weight=weights))
    return out


def _gains(truth: Array, score: Array, weight: Array, bins: int) -> list[dict]:
    """Rows ordered by falling score and cut into `bins` parts of (nearly) equal numbers of rows."""
    order = np.argsort(-score, kind="stable")
    hits, all_ = (weight * truth)[order], weight[order]
    base = hits.sum() / all_.sum()
    rows, cumulative = [], [(0.0, 0.0, None)]
    for part in np.array_split(np.arange(len(order)), min(bins, len(order))):
        upto = slice(0, part[-1] + 1)
        share = float(all_[upto].sum() / all_.sum())
        gain = float(hits[upto].sum() / hits.sum())
        rate = _ratio(hits[part].sum(), all_[part].sum())
        lows_highs = (float(score[order[part[-1]]]), float(score[order[part[0]]]))
        rows.append([len(rows) + 1, len(part), *lows_highs, rate, rate / base, share, gain, _ratio(gain, share)])
        cumulative.append((share, gain, _ratio(gain, share)))
    shares, gains = [c[0] for c in cumulative], [c[1] for c in cumulative]
    lifts = [c[2] for c in cumulative[1:]]
    columns = [
        "bin",
        "rows",
        "score_min",
        "score_max",
        "positive_rate",
        "lift",
        "share",
        "gain",
        "cumulative_lift",
    ]
    chance = ([0.0, 1.0], [0.0, 1.0])
    return [
        reports.curve(
            "gain",
            "Cumulative gain",
            "share of rows",
            "share of positives",
            {"model": (shares, gains), "chance": chance},
        ),
        reports.curve(
            "lift",
            "Lift",
            "share of rows",
            "lift",
            {"cumulative": (shares[1:], lifts), "bin": (shares[1:], [r[5] for r in rows])},
        ),
        reports.table("gains", "Gains table", columns, rows),
    ]


def _calibration(truth: Array, score: Array, weight: Array, bins: int) -> dict:
    """Mean score against observed rate in equal-width bins that are not empty."""
    index = np.minimum((score * bins).astype(int), bins - 1)
    totals = np.bincount(index, weight, bins)
    filled = totals > 0
    means = np.bincount(index, weight * score, bins)[filled] / totals[filled]
    rates = np.bincount(index, weight * truth, bins)[filled] / totals[filled]
    ideal = ([0.0, 1.0], [0.0, 1.0])
    return reports.curve(
        "calibration", "Calibration", "mean score", "observed rate", {"model": (means, rates), "ideal": ideal}
    )


def _has_both(truth: Array, weight: Array) -> bool:
    return bool((weight[truth] > 0).any() and (weight[~truth] > 0).any())


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0

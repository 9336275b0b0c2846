"""`scorer.json`: a deployed model with its chain as plain numbers, for programs that score without Python.

{"format": 1,
 "inputs": [{"name", "type"}],          the raw columns, in the order of the signature
 "registers": {"numbers": n, "texts": m},
 "loads": [register, ...],              where each input goes
 "steps": [...],                        the transforms; see `scorer_steps`
 "features": [register, ...],           the number registers that the model reads, in order
 "feature_names": [...],                what messages call them
 "model": {"kind", ...},                see `scorer_models`
 "answer": "regression" | "clustering" | "classification",
 "labels": [{"value", "text"}],         classes in the order of the probabilities
 "positive": index of the label whose probability is `predict_probability`; null: the greatest one}

It says the same as `model.joblib` and the chain, or it is not written: what does not convert exactly is `NotNative`.
Numbers are JSON's shortest doubles, long arrays of a tree model are packed: base64 of little-endian `f8` or `i4`.
"""

from __future__ import annotations

from typing import Any

from . import strict_json
from .models import ModelArtifact
from .scorer_models import NotNative, describe_estimator
from .scorer_steps import describe_chain

__all__ = ["SCORER_FILE", "SCORER_LIMIT_BYTES", "NotNative", "scorer_json"]

SCORER_FILE = "scorer.json"
SCORER_LIMIT_BYTES = 32 * 1024 * 1024


def scorer_json(model: ModelArtifact, chain: list[Any], inputs: list[dict[str, Any]]) -> bytes:
    """The description of a model behind a chain. Raises NotNative, whose text is the reason."""
    # Measured before anything is built: a forest can have millions of nodes.
    described = describe_estimator(model.estimator, SCORER_LIMIT_BYTES)
    content = strict_json.dumps(
        {
            "format": 1,
            **describe_chain(chain, inputs, model.features),
            "model": described,
            **_answer(model),
        }
    )
    if len(content) > SCORER_LIMIT_BYTES:
        raise NotNative(f"its description takes {len(content)} bytes, more than {SCORER_LIMIT_BYTES}")
    return content


def _answer(model: ModelArtifact) -> dict[str, Any]:
    from ..training import label_text

    if model.is_clustering:
        return {"answer": "clustering", "labels": [], "positive": None}
    if model.is_regression:
        return {"answer": "regression", "labels": [], "positive": None}
    # As `Deployment.answers`: values of the estimator, texts of the sidecar.
    values = model.estimator.classes_.tolist()
    texts = [label_text(label) for label in model.classes]
    if len(set(texts)) != len(texts) or len(texts) != len(values):
        raise NotNative("two of its labels have the same text")
    labels = [{"value": v, "text": t} for v, t in zip(values, texts, strict=True)]
    return {"answer": "classification", "labels": labels, "positive": model.positive_index}

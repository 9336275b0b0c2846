"""The FastAPI peer of the predict benchmark: models in memory, one route, pydantic's checks.

The route is `async`: a call takes 0.1 to 0.3 ms, less than FastAPI's hand-over to a thread.
"""

import os
from pathlib import Path

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

directory = Path(os.environ["BENCH_MODELS"])
models = {name: joblib.load(directory / f"{name}.joblib") for name in ("lr", "gbdt")}
columns = os.environ["BENCH_COLUMNS"].split(",")
app = FastAPI()


class Body(BaseModel):
    rows: list[dict[str, float]]


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict/{name}")
async def predict(name: str, body: Body) -> dict[str, list[float]]:
    features = np.array([[row[column] for column in columns] for row in body.rows])
    return {"predictions": models[name].predict_proba(features)[:, 1].tolist()}

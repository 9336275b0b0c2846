"""The Celery peer of the predict benchmark: the model in the worker, `delay().get()` in the client.

As a program it is the client: it reads one JSON request a line, {"name", "row", "calls", "threads"}, and answers each
with one line: the milliseconds of every call, and the seconds that they took together.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from celery import Celery

app = Celery("predict_celery", broker=os.environ["BENCH_AMQP_URL"], backend=os.environ["BENCH_BACKEND"])
app.conf.update(task_default_queue=os.environ["BENCH_QUEUE"], broker_connection_retry_on_startup=True)
columns = os.environ["BENCH_COLUMNS"].split(",")
models: dict = {}


@app.task(name="bench.predict")
def predict(name, row):
    import joblib
    import numpy as np

    if name not in models:
        models[name] = joblib.load(Path(os.environ["BENCH_MODELS"]) / f"{name}.joblib")
    features = np.array([[row[column] for column in columns]])
    return float(models[name].predict_proba(features)[0, 1])


def measure(request):
    """The calls, shared out to threads that each wait for one answer at a time."""
    name, row = request["name"], request["row"]
    answer = predict.delay(name, row).get(timeout=60)
    taken = []

    def work(calls):
        for _ in range(calls):
            started = time.perf_counter()
            if predict.delay(name, row).get(timeout=60) != answer:
                raise RuntimeError("a task answered with another task's result")
            taken.append((time.perf_counter() - started) * 1_000)

    each = request["calls"] // request["threads"]
    threads = [threading.Thread(target=work, args=(each,)) for _ in range(request["threads"])]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) < each * request["threads"]:
        raise RuntimeError("calls have failed")
    return {"taken": taken, "seconds": time.perf_counter() - started, "answer": answer}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(measure(json.loads(line))), flush=True)

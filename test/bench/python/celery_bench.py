"""The peer of the task benchmark: a Celery application, its worker's tasks, and a client that measures on request.

As a program it reads one JSON request a line and answers each with one line.
"""

import json
import os
import sys
import time

from celery import Celery

app = Celery("celery_bench", broker=os.environ["BENCH_AMQP_URL"], backend=os.environ["BENCH_BACKEND"])
app.conf.update(
    task_default_queue=os.environ["BENCH_QUEUE"],
    task_acks_late=True,
    # As many deliveries ahead as the other workers are given; Celery's default of 4 makes it slower.
    worker_prefetch_multiplier=int(os.environ["BENCH_PREFETCH_MULTIPLIER"]),
    broker_connection_retry_on_startup=True,
)


@app.task(name="bench.noop", ignore_result=True)
def noop():
    return None


@app.task(name="bench.echo")
def echo(value):
    return value


def flow(tasks, warm_up):
    """Seconds from the first of many calls to the result of a last one, worker and publisher at work together."""
    for _ in range(warm_up):
        noop.delay()
    echo.delay(0).get(timeout=300)
    started = time.perf_counter()
    for _ in range(tasks):
        noop.delay()
    echo.delay(1).get(timeout=300)
    return time.perf_counter() - started


def latency(calls, warm_up):
    """Milliseconds of each round trip, one after the other."""
    for _ in range(warm_up):
        echo.delay(0).get(timeout=300)
    taken = []
    for value in range(calls):
        started = time.perf_counter()
        if echo.delay(value).get(timeout=300) != value:
            raise RuntimeError("a task answered with another task's result")
        taken.append((time.perf_counter() - started) * 1_000)
    return taken


REQUESTS = {"flow": flow, "latency": latency}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        answer = REQUESTS[request.pop("do")](**request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

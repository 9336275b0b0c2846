"""What the clients of two protocols get from a server: tritonclient as it comes from PyPI, and the calls of MLflow's
scoring client (mlflow/pyfunc/scoring_server/client.py), of which MLflow itself would be all the rest.

One JSON object in: ``server`` (host:port), ``token``, ``tumours`` and ``loans`` ({model, columns, rows}). One out: what
came back, by name of the call; what was raised as {"raised": text, "status": text}.
"""

import json
import sys

import numpy as np
import pandas as pd
import requests
import tritonclient.http as triton
from tritonclient.http import InferenceServerClientPlugin
from tritonclient.utils import InferenceServerException


class BearerToken(InferenceServerClientPlugin):
    """How tritonclient itself wants a header sent with every call."""

    def __init__(self, token):
        self.header = {"Authorization": f"Bearer {token}"}

    def __call__(self, request):
        request.headers = {**(request.headers or {}), **self.header}


def plain(tensor):
    """A tensor as JSON; BYTES as text."""
    if tensor is None:
        return None
    values = tensor.tolist()
    return [each.decode() for each in values] if tensor.dtype == object else values


def tensor(name, values, datatype, **options):
    given = triton.InferInput(name, list(values.shape), datatype)
    return given.set_data_from_numpy(values, **options)


def answers(result):
    names = [output["name"] for output in result.get_response()["outputs"]]
    return {name: plain(result.as_numpy(name)) for name in names}


def attempt(work):
    try:
        return work()
    except InferenceServerException as error:
        return {"raised": error.message(), "status": error.status()}


def triton_calls(asked):
    client = triton.InferenceServerClient(asked["server"])
    client.register_plugin(BearerToken(asked["token"]))
    model, rows = asked["tumours"]["model"], np.array(asked["tumours"]["rows"], dtype=np.float64)
    columns = asked["tumours"]["columns"]
    loans = asked["loans"]["model"]

    def infer(inputs, name=model, **options):
        return attempt(lambda: answers(client.infer(name, inputs, **options)))

    def by_column(values, **options):
        return [tensor(name, values[:, [index]], "FP64", **options) for index, name in enumerate(columns)]

    def loan_columns(**options):
        frame = pd.DataFrame(asked["loans"]["rows"], columns=asked["loans"]["columns"])
        return [
            tensor("age", frame["age"].to_numpy(dtype=np.int64), "INT64", **options),
            tensor("job", frame["job"].to_numpy(dtype=object), "BYTES", **options),
            # A missing cell is NaN in numpy.
            tensor("balance", frame["balance"].to_numpy(dtype=np.float64), "FP64", **options),
        ]

    table = [tensor("rows", rows, "FP64")]
    wanted = [triton.InferRequestedOutput("predict_probability", binary_data=False)]
    client.load_model(model)
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "server": client.get_server_metadata(),
        "model_ready": client.is_model_ready(model),
        "version_ready": client.is_model_ready(model, "1"),
        "unknown_ready": client.is_model_ready("nothing"),
        "model": client.get_model_metadata(loans),
        "index": client.get_model_repository_index(),
        "binary_table": infer(table),
        "binary_table_fp32": infer([tensor("rows", rows.astype(np.float32), "FP32")]),
        "json_table": infer([tensor("rows", rows, "FP64", binary_data=False)], outputs=wanted),
        "binary_columns": infer(by_column(rows)),
        "json_columns": infer(by_column(rows, binary_data=False)),
        "gzip": infer(table, request_compression_algorithm="gzip", response_compression_algorithm="gzip"),
        "deflate": infer(table, request_compression_algorithm="deflate", response_compression_algorithm="deflate"),
        "by_version": infer(table, model_version="1"),
        "by_alias": infer(table, model_version="champion"),
        "async": attempt(lambda: answers(client.async_infer(model, table).get_result())),
        "id": client.infer(model, table, request_id="seven", timeout=60_000_000).get_response()["id"],
        "binary_bytes": infer(loan_columns(), loans),
        "fp16": infer([tensor("rows", rows.astype(np.float16), "FP16")]),
        "too_few": infer(by_column(rows)[2:]),
        "unknown": infer(table, "nothing"),
    }
    client.unload_model(model)
    found["after_unload"] = infer(table)
    found["stats"] = client.get_inference_statistics(model, "1")
    client.close()
    stranger = triton.InferenceServerClient(asked["server"])
    found["stranger"] = attempt(lambda: stranger.get_server_metadata())
    found["stranger_live"] = stranger.is_server_live()
    stranger.close()
    return found


class ScoringServerClient:
    """The calls of MLflow's class of this name, with the header that its callers would put into a session."""

    def __init__(self, server, token):
        self.url_prefix = f"http://{server}"
        self.headers = {"Authorization": f"Bearer {token}"}

    def ping(self):
        return requests.get(url=self.url_prefix + "/ping", timeout=60).status_code

    def get_version(self):
        return requests.get(url=self.url_prefix + "/version", timeout=60).text

    def invoke(self, data, content_type="application/json", query=""):
        response = requests.post(
            url=f"{self.url_prefix}/invocations{query}",
            data=data,
            headers={"Content-Type": content_type, **self.headers},
            timeout=60,
        )
        answer = response.json()
        return answer["predictions"] if response.status_code == 200 else [response.status_code, answer]


def mlflow_calls(asked):
    client = ScoringServerClient(asked["server"], asked["token"])
    frame = pd.DataFrame(asked["loans"]["rows"], columns=asked["loans"]["columns"])
    columns = {name: frame[name].tolist() for name in frame.columns}
    proba = {"params": {"method": "predict_proba"}}
    # json.dumps writes NaN for what is missing, as MLflow's own dump_input_data does.
    split = frame.to_dict(orient="split")
    table = np.array(asked["tumours"]["rows"]).tolist()
    return {
        "ping": client.ping(),
        "version": client.get_version(),
        "split": client.invoke(json.dumps({"dataframe_split": split})),
        "records": client.invoke(json.dumps({"dataframe_records": frame.to_dict(orient="records")})),
        "columns": client.invoke(json.dumps({"inputs": columns})),
        "csv": client.invoke(frame.to_csv(index=False), content_type="text/csv"),
        "proba": client.invoke(json.dumps({"dataframe_split": split, **proba})),
        "other_model": client.invoke(json.dumps({"instances": table}), query=f"?model={asked['tumours']['model']}"),
        "wrong_type": client.invoke("x", content_type="text/html")[0],
        "wrong_rows": client.invoke(json.dumps({"inputs": {"age": ["old"], "job": ["cook"], "balance": [1]}})),
    }


if __name__ == "__main__":
    question = json.load(sys.stdin)
    json.dump({"triton": triton_calls(question), "mlflow": mlflow_calls(question)}, sys.stdout)

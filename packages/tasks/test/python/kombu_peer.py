"""What kombu and Celery write and read, for the tests beside: one JSON object per line in, one out."""

import base64
import json
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pprint import pformat
from uuid import UUID

from celery.utils.saferepr import saferepr
from kombu import compression, serialization
from kombu.utils.json import loads as json_loads

PLAIN = {
    "scalars": [None, True, False, 0, -1, 1.5, -1e-7, 1e300, "", "text", "标签 \U0001f600 \x00\x7f\x85\ufeff\u2028"],
    "look like others": ["1", "1e3", "yes", "null", "~", "2026-11-21", "0x1F", "12:30:45", ".nan", "=", "- a", "a: b"],
    "large integers": [2**53 - 1, 2**53, 2**63 - 1, -(2**63), 2**64 - 1],
    "nested": {"a": [1, {"b": [[], {}, [None]]}], "long key " * 200: "x", "": {" ": "\n\ttext\n"}},
    "bytes": [b"text", b"\xff\x00\x01", b""],
}
TIMES = {
    "datetimes": [
        datetime(2026, 11, 21, 13, 37, tzinfo=UTC),
        datetime(2026, 11, 21, 13, 37, 0, 123456, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
        datetime(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
    ],
    "dates": [date(2026, 11, 21), date(1, 1, 1)],
}
TAGGED = {
    "times": [time(13, 37), time(0, 0, 0, 1), time(1, 2, 3, tzinfo=timezone(timedelta(hours=2)))],
    "decimals": [Decimal("1.50"), Decimal("-1E+3"), Decimal("NaN"), Decimal("-Infinity"), Decimal(10) ** 40],
    "uuids": [UUID("12345678-1234-5678-1234-567812345678")],
}
BEYOND = {"very large integers": [2**200, -(2**200)], "no JSON": [float("inf"), float("-inf")]}
FIXTURES = {
    "json": {**PLAIN, **TIMES, **TAGGED, **BEYOND},
    "msgpack": {**PLAIN},
    "yaml": {**PLAIN, **TIMES, "very large integers": BEYOND["very large integers"]},
}


def as_bytes(body):
    return body.encode() if isinstance(body, str) else bytes(body)


def encode(value, serializer):
    content_type, content_encoding, body = serialization.dumps(value, serializer=serializer)
    return {"contentType": content_type, "contentEncoding": content_encoding, "body": b64(as_bytes(body))}


def decode(message):
    body = base64.b64decode(message["body"])
    return serialization.loads(body, message["contentType"], message["contentEncoding"], force=True)


def b64(data):
    return base64.b64encode(data).decode()


def fixtures(_):
    return {
        serializer: {name: encode(value, serializer) for name, value in values.items()}
        for serializer, values in FIXTURES.items()
    }


def same(request):
    """Is what the other side has written the fixture?"""
    value = decode(request["message"])
    expected = FIXTURES[request["serializer"]][request["name"]]
    # By repr: Decimal("1.5") == Decimal("1.50"), True == 1, and NaN is nothing's equal. YAML sorts keys.
    return {"same": pformat(value) == pformat(expected), "repr": repr(value)}


def again(request):
    """Each message read and written again."""
    return [encode(decode(message), request["serializer"]) for message in request["messages"]]


def saferepr_args(request):
    return [saferepr(tuple(json_loads(text)), request["maxLength"]) for text in request["texts"]]


def compress(request):
    return b64(compression.compress(base64.b64decode(request["body"]), request["name"])[0])


def decompress(request):
    return b64(compression.decompress(base64.b64decode(request["body"]), request["contentType"]))


OPERATIONS = {f.__name__: f for f in (fixtures, same, again, saferepr_args, compress, decompress)}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[request["do"]](request)}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)

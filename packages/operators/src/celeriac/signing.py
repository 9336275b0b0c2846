"""Signed tasks from Python: what a Celeriac worker that requires signatures accepts.

    from celeriac.signing import sign_tasks

    app = Celery("shop", broker=...)
    sign_tasks(app, key_id="2026", secret=os.environ["CELERIAC_SIGNING_SECRET"])

Every task that the app publishes, retries and parts of a canvas included, then carries the header
``celeriac-signature``: ``1.<key id>.<base64url of the MAC>``. The MAC is HMAC-SHA256 over what decides about the
execution, each part as a netstring (``-,`` where there is none), and over the body as it is sent. The other side is
``packages/tasks/src/message/signature.ts``. Python workers do not verify.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Producer, pools
from kombu.pools import ProducerPool

HEADER = "celeriac-signature"
MIN_SECRET_LENGTH = 32

_SIGNED_HEADERS = (
    "compression",
    "task",
    "id",
    "root_id",
    "parent_id",
    "group",
    "group_index",
    "retries",
    "eta",
    "expires",
    "ignore_result",
    "replaced_task_nesting",
)


def sign_tasks(app: Celery, key_id: str, secret: str) -> None:
    """Have all tasks of the app signed from now on. Call it once, where the app is made.

    Raises ValueError for a key that the other side would refuse.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key_id):
        raise ValueError("the key id must be made of letters, digits, - and _")
    if len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"the secret must have at least {MIN_SECRET_LENGTH} characters")

    class SigningProducer(Producer):
        def _publish(self, body, priority, content_type, content_encoding, headers, properties, *args, **kwargs):
            # Events and results go through producers as well; a task is what has a name.
            if headers.get("task") is not None:
                # On a retry of the publication the headers are signed already, and signed again to the same value.
                value = signature(
                    key_id, secret, body, content_type, content_encoding, headers, properties.get("reply_to")
                )
                headers = {**headers, HEADER: value}
            return super()._publish(
                body, priority, content_type, content_encoding, headers, properties, *args, **kwargs
            )

    class SigningAMQP(AMQP):
        @property
        def producer_pool(self):
            # A pool of its own: kombu's is shared by all apps that use the same broker.
            if self._producer_pool is None:
                connections = pools.connections[self.app.connection_for_write()]
                self._producer_pool = ProducerPool(connections, limit=self.app.pool.limit, Producer=SigningProducer)
            return self._producer_pool

    app.amqp_cls = SigningAMQP
    # Made on first use; an earlier one has no signing producers.
    app.__dict__.pop("amqp", None)


def signature(
    key_id: str,
    secret: str,
    body: bytes | str,
    content_type: str | None,
    content_encoding: str | None,
    headers: Mapping[str, Any],
    reply_to: str | None,
) -> str:
    """Return the value of the header for a message as it goes to the broker (serialised, compressed)."""
    data = body.encode() if isinstance(body, str) else bytes(body)
    hard, soft = headers.get("timelimit") or (None, None)
    parts = [
        "celeriac-signature-1",
        key_id,
        content_type,
        content_encoding,
        *(_canonical(headers.get(name)) for name in _SIGNED_HEADERS),
        _milliseconds(hard),
        _milliseconds(soft),
        reply_to or None,
    ]
    mac = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    for part in parts:
        mac.update(_netstring(part))
    mac.update(b"%d:%b," % (len(data), data))
    return f"1.{key_id}.{base64.urlsafe_b64encode(mac.digest()).rstrip(b'=').decode()}"


def _netstring(text: str | None) -> bytes:
    if text is None:
        return b"-,"
    data = text.encode()
    return b"%d:%b," % (len(data), data)


def _canonical(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else str(math.floor(seconds * 1_000 + 0.5))
